'use client'
import type { ContainerInspect, RestartPolicy } from '@gantry/contracts'
import { Button, Card, CardBody, CardHeader, Field, Input, Select } from '@gantry/ui'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useContainerRates } from '@/features/stats/use-container-rates.ts'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { wireError } from '@/lib/errors.ts'
import { formatBytes, formatPercent } from '@/lib/format.ts'
import { useErrorText } from '@/lib/use-error-text.ts'
import { LimitDifference } from './limit-difference.tsx'
import { type LimitField, limitChange, limitFields, limitValues } from './limit-values.ts'
import { useUpdateContainer } from './use-update-container.ts'
import { useRefusal } from './use-role.ts'

/** Changes limits of a container while it runs; shows what is in use beside each and what will change. */
export function LimitsEditor({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const refusal = useRefusal(container.projectId, 'developer')
  const before = limitValues(container.resources, container.restart)
  const [edited, setEdited] = useState<Partial<typeof before>>({})
  const after = { ...before, ...edited }
  const change = limitChange(before, after)
  const update = useUpdateContainer(container)
  const inUse = useUsageTexts(container)
  const text = useErrorText()
  const serverField = wireError(update.error).detail.field?.split('.').at(-1)
  const errorOf = (field: LimitField) => {
    const own = change.ok ? undefined : change.errors[field]
    if (own) return own
    return serverField === field ? text(update.error).title : undefined
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (change.ok) update.mutate(change.update, { onSuccess: () => setEdited({}) })
      }}
      className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_360px]"
    >
      <Card>
        <CardHeader title={t('detail.limits')}>{t('limits.intro')}</CardHeader>
        <CardBody className="grid gap-4 sm:grid-cols-2">
          {limitFields.map((field) => (
            <Field
              key={field}
              label={t(`limits.name.${field}`)}
              error={errorOf(field)}
              description={inUse[field] ? `${t('limits.usage')}: ${inUse[field]}` : undefined}
            >
              <Input
                value={after[field]}
                placeholder={t('common.noLimit')}
                disabled={refusal !== undefined}
                onChange={(event) => setEdited({ ...edited, [field]: event.target.value })}
                autoComplete="off"
                spellCheck={false}
              />
            </Field>
          ))}
          <Field label={t('limits.restart')}>
            <Select
              value={after.restart}
              disabled={refusal !== undefined}
              onChange={(event) => setEdited({ ...edited, restart: event.target.value as RestartPolicy['name'] })}
            >
              <option value="no">{t('create.restartNo')}</option>
              <option value="on-failure">{t('create.restartOnFailure')}</option>
              <option value="unless-stopped">{t('create.restartUnlessStopped')}</option>
              <option value="always">{t('create.restartAlways')}</option>
            </Select>
          </Field>
        </CardBody>
      </Card>
      <div className="flex flex-col gap-3">
        <LimitDifference change={change} container={container} />
        {update.error ? <ErrorNotice error={update.error} /> : null}
        {refusal ? <p className="text-[13px] text-muted">{refusal}</p> : null}
        <Button
          type="submit"
          variant="primary"
          pending={update.isPending}
          disabled={refusal !== undefined || !change.ok || change.changed.length === 0}
          title={refusal}
        >
          {t('limits.apply')}
        </Button>
      </div>
    </form>
  )
}

function useUsageTexts(container: ContainerInspect): Partial<Record<LimitField, string>> {
  const running = container.state.status === 'running' || container.state.status === 'paused'
  const { history } = useContainerRates(container.projectId, container.id, running)
  const now = history.at(-1)
  if (!now) return {}
  return {
    nanoCpus: formatPercent(now.cpus),
    memoryBytes: formatBytes(now.memoryBytes),
    memorySwapBytes: formatBytes(now.memoryBytes + now.swapBytes),
    pidsLimit: `${now.pids}`,
  }
}
