'use client'
import type { BulkResult } from '@gantry/contracts'
import { Dialog, StatusDot, Table, Td, Th, Tr } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { shortId } from '@/lib/format.ts'
import { useErrorText } from '@/lib/use-error-text.ts'
import type { SimpleVerb } from './verbs.ts'

/** What became of each container of a bulk action, failures first. */
export function BulkResultDialog(props: {
  verb: SimpleVerb
  results: readonly BulkResult[]
  names: ReadonlyMap<string, string>
  onClose: () => void
}) {
  const t = useTranslations()
  const errorText = useErrorText()
  const text = (error: BulkResult['error']) => errorText({ data: { gantry: error } })
  const results = [...props.results].sort((a, b) => Number(a.ok) - Number(b.ok))
  const done = results.filter((result) => result.ok).length
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => !open && props.onClose()}
      title={t('container.bulkTitle', { verb: t(`container.verb.${props.verb}`), done, total: results.length })}
      closeLabel={t('common.close')}
    >
      <Table label={t('container.bulkResults')}>
        <thead>
          <tr>
            <Th>{t('common.name')}</Th>
            <Th>{t('common.status')}</Th>
          </tr>
        </thead>
        <tbody>
          {results.map((result) => (
            <Tr key={result.container}>
              <Td className="font-medium">{props.names.get(result.container) ?? shortId(result.container)}</Td>
              <Td>
                {result.ok ? (
                  <StatusDot tone="ok" shape="disc">
                    {t('container.bulkDone')}
                  </StatusDot>
                ) : (
                  <StatusDot tone="bad" shape="triangle" className="whitespace-normal">
                    <span>
                      {text(result.error).title}
                      <span className="block text-muted text-xs">{text(result.error).remedy}</span>
                    </span>
                  </StatusDot>
                )}
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Dialog>
  )
}
