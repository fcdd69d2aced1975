'use client'
import { Field, Input } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { type LimitTexts, type ProjectLimitName, projectLimitNames } from './limit-text.ts'

const examples: Record<ProjectLimitName, string> = {
  nanoCpus: '2',
  memoryBytes: '2g',
  memorySwapBytes: '2g',
  pids: '500',
  containers: '20',
  volumes: '20',
  images: '20',
  diskBytes: '20g',
}

export function LimitInputs(props: {
  values: LimitTexts
  errors: Partial<Record<ProjectLimitName, string>>
  disabled?: boolean
  onChange: (values: LimitTexts) => void
}) {
  const t = useTranslations()
  return (
    <div className="grid grid-cols-2 gap-3">
      {projectLimitNames.map((name) => (
        <Field key={name} label={t(`project.limit.${name}`)} error={props.errors[name]}>
          <Input
            value={props.values[name]}
            disabled={props.disabled}
            placeholder={`${t('common.noLimit')} (${examples[name]})`}
            autoComplete="off"
            onChange={(event) => props.onChange({ ...props.values, [name]: event.target.value })}
          />
        </Field>
      ))}
    </div>
  )
}
