'use client'
import { Card, CardBody, CardHeader, Table, Td, Th, Tr } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { updateText } from './docker-run.ts'
import type { LimitChange } from './limit-values.ts'
import type { ContainerTarget } from './use-container-verb.ts'

/** Before and after of what is about to change, and the same as a command. */
export function LimitDifference({ change, container }: { change: LimitChange; container: ContainerTarget }) {
  const t = useTranslations()
  const changed = change.ok ? change.changed : []
  return (
    <Card>
      <CardHeader title={`${t('limits.before')} / ${t('limits.after')}`} />
      {changed.length === 0 ? (
        <CardBody className="text-[13px] text-muted">{t('limits.unchanged')}</CardBody>
      ) : (
        <>
          <Table label={t('limits.after')}>
            <thead>
              <tr>
                <Th>{t('limits.field')}</Th>
                <Th>{t('limits.before')}</Th>
                <Th>{t('limits.after')}</Th>
              </tr>
            </thead>
            <tbody>
              {changed.map(({ field, before, after }) => (
                <Tr key={field}>
                  <Td>{field === 'restart' ? t('limits.restart') : t(`limits.name.${field}`)}</Td>
                  <Td className="tabular text-muted">{before || t('common.noLimit')}</Td>
                  <Td className="tabular font-medium">{after || t('common.noLimit')}</Td>
                </Tr>
              ))}
            </tbody>
          </Table>
          <CardBody>
            <code className="break-all font-mono text-xs">{change.ok ? updateText(change.update, container) : ''}</code>
          </CardBody>
        </>
      )}
    </Card>
  )
}
