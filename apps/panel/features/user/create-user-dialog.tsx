'use client'
import { displayNameSchema, emailSchema, passwordSchema } from '@gantry/contracts'
import { CheckboxLabel, Field, Input } from '@gantry/ui'
import { zodResolver } from '@hookform/resolvers/zod'
import { useForm } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { z } from 'zod'
import { PasswordInput } from '@/features/auth/password-input.tsx'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

const userFormSchema = z.object({ name: displayNameSchema, email: emailSchema, password: passwordSchema, hostAdmin: z.boolean() })

export function CreateUserDialog({ onClose }: { onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const form = useForm<z.input<typeof userFormSchema>, unknown, z.output<typeof userFormSchema>>({
    resolver: zodResolver(userFormSchema),
    defaultValues: { name: '', email: '', password: '', hostAdmin: false },
    mode: 'onTouched',
  })
  const { errors } = form.formState
  const create = useAct({
    run: client.user.create.mutate,
    done: (user) => ({ title: t('user.created', { email: user.email }) }),
    changes: [trpc.user.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('user.new')}
      submitLabel={t('common.create')}
      pending={create.isPending}
      error={create.error}
      onClose={onClose}
      onSubmit={form.handleSubmit((values) => create.mutate(values, { onSuccess: onClose }))}
    >
      <Field label={t('user.name')} error={errors.name?.message}>
        <Input autoFocus autoComplete="off" {...form.register('name')} />
      </Field>
      <Field label={t('user.email')} error={errors.email?.message}>
        <Input type="email" autoComplete="off" {...form.register('email')} />
      </Field>
      <Field label={t('user.password')} description={t('auth.passwordHint')} error={errors.password?.message}>
        <PasswordInput autoComplete="new-password" {...form.register('password')} />
      </Field>
      <CheckboxLabel hint={t('user.hostAdminHint')} {...form.register('hostAdmin')}>
        {t('user.hostAdmin')}
      </CheckboxLabel>
    </FormDialog>
  )
}
