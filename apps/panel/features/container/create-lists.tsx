'use client'
import { Button, CheckboxLabel, IconButton, Input, Select } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Plus, X } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { type Path, useFieldArray, useFormContext } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { useTRPC } from '@/lib/trpc.ts'
import type { CreateValues } from './create-values.ts'
import { messageAt } from './field-message.ts'

type ListName = 'env' | 'labels' | 'ports' | 'mounts'

/** A list of lines with a button that adds one and one per line that takes it out. */
function Lines<N extends ListName>(props: {
  name: N
  addLabel: string
  fresh: CreateValues[N][number]
  children: (index: number) => ReactNode
}) {
  const t = useTranslations('create')
  const { control } = useFormContext<CreateValues>()
  const { fields, append, remove } = useFieldArray({ control, name: props.name as 'env' })
  return (
    <div className="flex flex-col gap-2">
      {fields.map((field, index) => (
        <div key={field.id} className="flex items-start gap-2">
          <div className="grid min-w-0 flex-1 grid-cols-12 gap-2">{props.children(index)}</div>
          <IconButton label={t('rowRemove', { n: index + 1 })} onClick={() => remove(index)}>
            <X aria-hidden />
          </IconButton>
        </div>
      ))}
      <Button className="self-start" onClick={() => append(props.fresh as CreateValues['env'][number])}>
        <Plus aria-hidden />
        {props.addLabel}
      </Button>
    </div>
  )
}

/** A labelled cell of a line; its error stands below it. */
function Cell({
  name,
  label,
  className,
  ...props
}: { name: Path<CreateValues>; label: string } & Omit<ComponentProps<typeof Input>, 'name'>) {
  const { register, formState } = useFormContext<CreateValues>()
  const message = messageAt(formState.errors, name)
  return (
    <div className={className}>
      <Input
        aria-label={label}
        placeholder={label}
        aria-invalid={message ? true : undefined}
        aria-describedby={message ? `${name}-error` : undefined}
        autoComplete="off"
        spellCheck={false}
        {...props}
        {...register(name)}
      />
      {message ? (
        <p id={`${name}-error`} role="alert" className="mt-1 text-bad text-xs">
          {message}
        </p>
      ) : null}
    </div>
  )
}

export function EnvironmentFields() {
  const t = useTranslations('create')
  return (
    <Lines name="env" addLabel={t('addEnv')} fresh={{ name: '', value: '' }}>
      {(index) => (
        <>
          <Cell name={`env.${index}.name`} label={t('envName')} className="col-span-5" />
          <Cell name={`env.${index}.value`} label={t('envValue')} className="col-span-7" />
        </>
      )}
    </Lines>
  )
}

export function LabelFields() {
  const t = useTranslations('create')
  return (
    <Lines name="labels" addLabel={t('addLabel')} fresh={{ name: '', value: '' }}>
      {(index) => (
        <>
          <Cell name={`labels.${index}.name`} label={t('labelName')} className="col-span-5" />
          <Cell name={`labels.${index}.value`} label={t('envValue')} className="col-span-7" />
        </>
      )}
    </Lines>
  )
}

export function PortFields() {
  const t = useTranslations('create')
  const { register } = useFormContext<CreateValues>()
  return (
    <Lines name="ports" addLabel={t('addPort')} fresh={{ hostAddress: '', hostPort: '', containerPort: '', protocol: 'tcp' }}>
      {(index) => (
        <>
          <Cell name={`ports.${index}.hostAddress`} label={t('hostAddress')} className="col-span-6 sm:col-span-4" />
          <Cell name={`ports.${index}.hostPort`} label={t('hostPort')} className="col-span-6 sm:col-span-3" inputMode="numeric" />
          <Cell name={`ports.${index}.containerPort`} label={t('containerPort')} className="col-span-7 sm:col-span-3" inputMode="numeric" />
          <div className="col-span-5 sm:col-span-2">
            <Select aria-label={t('protocol')} {...register(`ports.${index}.protocol`)}>
              <option value="tcp">tcp</option>
              <option value="udp">udp</option>
            </Select>
          </div>
        </>
      )}
    </Lines>
  )
}

export function MountFields({ projectId }: { projectId: string }) {
  const t = useTranslations('create')
  const trpc = useTRPC()
  const { register, watch } = useFormContext<CreateValues>()
  const volumes = useQuery(trpc.volume.list.queryOptions({ projectId }))
  return (
    <Lines name="mounts" addLabel={t('addMount')} fresh={{ type: 'volume', source: '', target: '', readOnly: false }}>
      {(index) => {
        const type = watch(`mounts.${index}.type`)
        return (
          <>
            <div className="col-span-12 sm:col-span-3">
              <Select aria-label={t('mountType')} {...register(`mounts.${index}.type`)}>
                <option value="volume">{t('mountVolume')}</option>
                <option value="bind">{t('mountBind')}</option>
                <option value="tmpfs">{t('mountTmpfs')}</option>
              </Select>
            </div>
            {type === 'tmpfs' ? null : (
              <Cell
                name={`mounts.${index}.source`}
                label={type === 'bind' ? t('mountSourceBind') : t('mountSourceVolume')}
                list={type === 'volume' ? 'volume-suggestions' : undefined}
                className="col-span-12 sm:col-span-4"
              />
            )}
            <Cell name={`mounts.${index}.target`} label={t('mountTarget')} className="col-span-8 sm:col-span-3" />
            <div className="col-span-4 sm:col-span-2">
              <CheckboxLabel {...register(`mounts.${index}.readOnly`)}>{t('readOnly')}</CheckboxLabel>
            </div>
            <datalist id="volume-suggestions">
              {(volumes.data ?? [])
                .filter((volume) => !volume.anonymous)
                .map((volume) => (
                  <option key={volume.name} value={volume.name} />
                ))}
            </datalist>
          </>
        )
      }}
    </Lines>
  )
}
