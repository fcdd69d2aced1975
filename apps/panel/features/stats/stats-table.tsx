'use client'
import { Card, Table, Td, Th, Tr } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { formatBytes, formatPercent } from '@/lib/format.ts'
import type { Rates } from './rates.ts'

const rows = 20

/** The last readings as figures. */
export function StatsTable({ history }: { history: readonly Rates[] }) {
  const t = useTranslations('stats')
  const heads = [t('time'), t('cpu'), t('memory'), t('pids'), t('read'), t('write'), t('received'), t('sent'), t('throttled')]
  return (
    <Card>
      <Table label={t('asTable')} className="tabular">
        <thead>
          <tr>
            {heads.map((head) => (
              <Th key={head}>{head}</Th>
            ))}
          </tr>
        </thead>
        <tbody>
          {history
            .slice(-rows)
            .reverse()
            .map((rates) => (
              <Tr key={rates.timeMs}>
                <Td>{new Date(rates.timeMs).toLocaleTimeString([], { hour12: false })}</Td>
                <Td>{formatPercent(rates.cpus)}</Td>
                <Td>{formatBytes(rates.memoryBytes)}</Td>
                <Td>{rates.pids}</Td>
                <Td>{formatBytes(rates.readBytesPerS)}/s</Td>
                <Td>{formatBytes(rates.writeBytesPerS)}/s</Td>
                <Td>{formatBytes(rates.rxBytesPerS)}/s</Td>
                <Td>{formatBytes(rates.txBytesPerS)}/s</Td>
                <Td>{formatPercent(rates.throttledShare)}</Td>
              </Tr>
            ))}
        </tbody>
      </Table>
    </Card>
  )
}
