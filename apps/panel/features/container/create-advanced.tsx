'use client'
import { Card, CheckboxLabel } from '@gantry/ui'
import { ChevronRight } from 'lucide-react'
import { useFormContext } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { LabelFields } from './create-lists.tsx'
import type { CreateValues } from './create-values.ts'
import { TextField } from './text-field.tsx'

/** What most containers do without; opens by itself when something in it is wrong. */
export function AdvancedFields() {
  const t = useTranslations('create')
  const { register, formState } = useFormContext<CreateValues>()
  const inside = [
    'entrypoint',
    'user',
    'workingDir',
    'memorySwap',
    'cpuShares',
    'cpusetCpus',
    'blkioWeight',
    'shmSize',
    'stopTimeout',
    'healthCommand',
    'capAdd',
    'capDrop',
    'labels',
  ] as const
  const wrong = inside.some((field) => formState.errors[field])
  return (
    <Card>
      <details className="group" {...(wrong ? { open: true } : {})}>
        <summary className="flex h-10 list-none items-center gap-2 px-4 font-semibold text-[13px]">
          <ChevronRight className="size-4 text-muted transition-transform group-open:rotate-90" aria-hidden />
          {t('advanced')}
        </summary>
        <div className="grid gap-4 border-t p-4 sm:grid-cols-2">
          <TextField name="entrypoint" label={t('entrypoint')} />
          <TextField name="user" label={t('user')} hint={t('userHint')} />
          <TextField name="workingDir" label={t('workingDir')} />
          <TextField name="healthCommand" label={t('healthCommand')} hint={t('healthHint')} />
          <TextField name="memorySwap" label={t('memorySwap')} hint={t('memorySwapHint')} />
          <TextField name="cpuShares" label={t('cpuShares')} inputMode="numeric" placeholder="1024" />
          <TextField name="cpusetCpus" label={t('cpusetCpus')} hint={t('cpusetHint')} />
          <TextField name="blkioWeight" label={t('blkioWeight')} inputMode="numeric" placeholder="500" />
          <TextField name="shmSize" label={t('shmSize')} placeholder="64m" />
          <TextField name="stopTimeout" label={t('stopTimeout')} inputMode="numeric" placeholder="10" />
          <TextField name="capAdd" label={t('capAdd')} hint={t('capHint')} />
          <TextField name="capDrop" label={t('capDrop')} />
          <div className="flex flex-col gap-1 sm:col-span-2">
            <CheckboxLabel {...register('init')}>{t('init')}</CheckboxLabel>
            <CheckboxLabel {...register('autoRemove')}>{t('autoRemove')}</CheckboxLabel>
            <CheckboxLabel {...register('readonlyRootfs')}>{t('readonlyRootfs')}</CheckboxLabel>
          </div>
          <fieldset className="sm:col-span-2">
            <legend className="mb-1 font-medium text-[13px]">{t('labels')}</legend>
            <LabelFields />
          </fieldset>
        </div>
      </details>
    </Card>
  )
}
