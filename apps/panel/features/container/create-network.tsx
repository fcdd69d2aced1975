'use client'
import { Field, Select } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useFormContext } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { useTRPC } from '@/lib/trpc.ts'
import type { CreateValues } from './create-values.ts'
import { messageAt } from './field-message.ts'
import { TextField } from './text-field.tsx'

export function NetworkFields({ projectId }: { projectId: string }) {
  const t = useTranslations('create')
  const trpc = useTRPC()
  const { register, watch, formState } = useFormContext<CreateValues>()
  const networks = useQuery(trpc.network.list.queryOptions({ projectId }))
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <Field label={t('networkMode')} error={messageAt(formState.errors, 'network')}>
        <Select {...register('network')}>
          <option value="">{t('networkDefault')}</option>
          {(networks.data ?? [])
            .filter((network) => !network.builtin)
            .map((network) => (
              <option key={network.id} value={`network:${network.spec.name}`}>
                {network.spec.name}
              </option>
            ))}
          <option value="none">{t('networkNone')}</option>
          <option value="host">{t('networkHost')}</option>
        </Select>
      </Field>
      <Field label={t('restart')}>
        <Select {...register('restart')}>
          <option value="no">{t('restartNo')}</option>
          <option value="on-failure">{t('restartOnFailure')}</option>
          <option value="unless-stopped">{t('restartUnlessStopped')}</option>
          <option value="always">{t('restartAlways')}</option>
        </Select>
      </Field>
      {watch('restart') === 'on-failure' ? (
        <TextField name="maxRetries" label={t('maxRetries')} inputMode="numeric" />
      ) : (
        <TextField name="hostname" label={t('hostname')} />
      )}
    </div>
  )
}
