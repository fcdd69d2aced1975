'use client'
import { displayNameSchema, emailSchema, passwordSchema } from '@gantry/contracts'
import { Button, Field, Input } from '@gantry/ui'
import { zodResolver } from '@hookform/resolvers/zod'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from 'next/navigation'
import { useEffect } from 'react'
import { useForm } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { z } from 'zod'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { wireError } from '@/lib/errors.ts'
import { useTRPC } from '@/lib/trpc.ts'
import { useErrorText } from '@/lib/use-error-text.ts'
import { PasswordInput } from './password-input.tsx'

const setupSchema = z.object({ code: z.string().trim().min(1), name: displayNameSchema, email: emailSchema, password: passwordSchema })
type SetupValues = z.input<typeof setupSchema>

/** The first administrator, for whoever can read the console. */
export function SetupForm({ code }: { code: string }) {
  const t = useTranslations('auth')
  const trpc = useTRPC()
  const text = useErrorText()
  const router = useRouter()
  const queryClient = useQueryClient()
  const status = useQuery(trpc.auth.status.queryOptions())
  const form = useForm<SetupValues, unknown, z.output<typeof setupSchema>>({
    resolver: zodResolver(setupSchema),
    defaultValues: { code, name: '', email: '', password: '' },
    mode: 'onTouched',
  })
  const { errors } = form.formState
  const setUp = useMutation(
    trpc.auth.setup.mutationOptions({
      async onSuccess() {
        await queryClient.invalidateQueries()
        router.replace('/')
      },
      onError(error) {
        const field = wireError(error).detail.field
        if (field && field in setupSchema.shape) form.setError(field as keyof SetupValues, { message: text(error).title })
      },
    }),
  )
  const done = status.data && !status.data.needsSetup && !setUp.isPending && !setUp.isSuccess
  useEffect(() => {
    if (done) router.replace('/')
  }, [done, router])
  return (
    <form onSubmit={form.handleSubmit((values) => setUp.mutate(values))} noValidate className="flex flex-col gap-4">
      <div>
        <h1 className="font-semibold text-2xl tracking-tight">{t('setupTitle')}</h1>
        <p className="mt-1 text-[13px] text-muted">{t('setupIntro')}</p>
      </div>
      <Field label={t('setupCode')} description={t('setupCodeHint')} error={errors.code?.message}>
        <Input
          autoFocus={code === ''}
          autoComplete="one-time-code"
          spellCheck={false}
          className="h-10 font-mono"
          {...form.register('code')}
        />
      </Field>
      <Field label={t('name')} error={errors.name?.message}>
        <Input autoComplete="name" className="h-10" {...form.register('name')} />
      </Field>
      <Field label={t('email')} error={errors.email?.message}>
        <Input type="email" autoComplete="username" className="h-10" {...form.register('email')} />
      </Field>
      <Field label={t('password')} description={t('passwordHint')} error={errors.password?.message}>
        <PasswordInput autoComplete="new-password" {...form.register('password')} />
      </Field>
      {setUp.error ? <ErrorNotice error={setUp.error} /> : null}
      <Button type="submit" variant="primary" size="lg" pending={setUp.isPending}>
        {t('createAdmin')}
      </Button>
    </form>
  )
}
