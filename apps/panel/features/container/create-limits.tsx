'use client'
import { useTranslations } from 'use-intl'
import { TextField } from './text-field.tsx'

export function LimitFields() {
  const t = useTranslations('create')
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <TextField name="cpus" label={t('cpus')} hint={t('cpusHint')} placeholder="1" inputMode="decimal" />
      <TextField name="memory" label={t('memory')} hint={t('memoryHint')} placeholder="256m" />
      <TextField name="pids" label={t('pids')} hint={t('pidsHint')} placeholder="100" inputMode="numeric" />
    </div>
  )
}
