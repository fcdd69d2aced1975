'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Card, CardHeader, EmptyState, Table, Td, Th, Tr } from '@gantry/ui'
import { Timer } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { formatMs } from '@/lib/format.ts'
import { shortStep } from './short-step.ts'

/** Where the milliseconds of the last start went: one bar per kernel step. */
export function StartupWaterfall({ lastStart }: { lastStart: ContainerInspect['lastStart'] }) {
  const t = useTranslations('startup')
  if (!lastStart || lastStart.steps.length === 0)
    return (
      <EmptyState icon={<Timer />} title={t('none')}>
        {t('noneHint')}
      </EmptyState>
    )
  const end = Math.max(lastStart.totalUs, ...lastStart.steps.map((step) => step.endUs), 1)
  const longest = Math.max(...lastStart.steps.map((step) => step.endUs - step.startUs))
  return (
    <Card>
      <CardHeader title={t('total', { ms: formatMs(lastStart.totalUs) })} />
      <Table label={t('chart')}>
        <thead>
          <tr>
            <Th>{t('step')}</Th>
            <Th className="text-right">{t('from')}</Th>
            <Th className="text-right">{t('took')}</Th>
            <Th className="w-1/2 max-sm:hidden">
              <span className="sr-only">{t('chart')}</span>
            </Th>
          </tr>
        </thead>
        <tbody>
          {lastStart.steps.map((step, index) => {
            const took = step.endUs - step.startUs
            return (
              <Tr key={`${step.step}${index.toString()}`}>
                <Td className="h-7 py-0.5 font-mono text-xs" title={step.step}>
                  {shortStep(step.step)}
                </Td>
                <Td className="tabular h-7 whitespace-nowrap py-0.5 text-right text-muted">{formatMs(step.startUs)}</Td>
                <Td className="tabular h-7 whitespace-nowrap py-0.5 text-right font-medium">{formatMs(took)}</Td>
                <Td className="h-7 py-0.5 max-sm:hidden">
                  <div aria-hidden className="relative h-3 rounded-sm bg-sunken">
                    <div
                      className={took === longest ? 'absolute inset-y-0 rounded-sm bg-brand' : 'absolute inset-y-0 rounded-sm bg-accent'}
                      style={{ left: `${(step.startUs / end) * 100}%`, width: `max(2px, ${(took / end) * 100}%)` }}
                    />
                  </div>
                </Td>
              </Tr>
            )
          })}
        </tbody>
      </Table>
    </Card>
  )
}
