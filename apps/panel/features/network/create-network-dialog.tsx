'use client'
import { type NetworkSpec, networkSpecSchema } from '@gantry/contracts'
import { CheckboxLabel, Field, Input } from '@gantry/ui'
import { zodResolver } from '@hookform/resolvers/zod'
import { useForm } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { z } from 'zod'
import { wireError } from '@/lib/errors.ts'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { quoteWord } from '@/lib/shell-words.ts'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { useErrorText } from '@/lib/use-error-text.ts'

const networkFormSchema = z.object({
  name: networkSpecSchema.shape.name,
  subnet: z.union([z.literal(''), z.cidrv4('is not an IPv4 subnet such as 10.20.0.0/24')]),
  internal: z.boolean(),
  icc: z.boolean(),
  ipv6: z.boolean(),
})

export function CreateNetworkDialog({ projectId, onClose }: { projectId: string; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const form = useForm<z.infer<typeof networkFormSchema>>({
    resolver: zodResolver(networkFormSchema),
    defaultValues: { name: '', subnet: '', internal: false, icc: true, ipv6: false },
    mode: 'onTouched',
  })
  const { errors } = form.formState
  const create = useAct({
    run: client.network.create.mutate,
    done: (made) => ({ title: t('network.created', { name: made.spec.name }), command: createCommand(made.spec) }),
    changes: [trpc.network.pathFilter()],
    tellError: false,
  })
  const text = useErrorText()
  const refused = create.error ? wireError(create.error) : null
  return (
    <FormDialog
      title={t('network.new')}
      submitLabel={t('common.create')}
      pending={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={form.handleSubmit(({ subnet, ...spec }) =>
        create.mutate({ projectId, spec: { ...spec, ipam: subnet === '' ? [] : [{ subnet }] } }, { onSuccess: onClose }),
      )}
    >
      <Field
        label={t('common.name')}
        error={errors.name?.message ?? (refused?.detail.field?.endsWith('name') ? text(create.error).title : undefined)}
      >
        <Input autoFocus autoComplete="off" spellCheck={false} {...form.register('name')} />
      </Field>
      <Field label={t('network.subnet')} description={t('network.subnetHint')} error={errors.subnet?.message}>
        <Input autoComplete="off" className="font-mono" {...form.register('subnet')} />
      </Field>
      <div className="flex flex-col gap-1">
        <CheckboxLabel {...form.register('internal')}>{t('network.internal')}</CheckboxLabel>
        <CheckboxLabel {...form.register('icc')}>{t('network.icc')}</CheckboxLabel>
        <CheckboxLabel {...form.register('ipv6')}>{t('network.ipv6')}</CheckboxLabel>
      </div>
    </FormDialog>
  )
}

function createCommand({ name, ipam, internal, icc, ipv6 }: NetworkSpec): string {
  const flags = [
    ...ipam.map(({ subnet }) => `--subnet ${subnet}`),
    ...(internal ? ['--internal'] : []),
    ...(icc ? [] : ['-o com.docker.network.bridge.enable_icc=false']),
    ...(ipv6 ? ['--ipv6'] : []),
  ]
  return ['docker network create', ...flags, quoteWord(name)].join(' ')
}
