'use client'
import { Button, Field, Input } from '@gantry/ui'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter, useSearchParams } from 'next/navigation'
import { useEffect } from 'react'
import { useForm } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { PasswordInput } from './password-input.tsx'
import { safeTarget } from './safe-target.ts'

export function SignInForm() {
  const t = useTranslations('auth')
  const trpc = useTRPC()
  const router = useRouter()
  const next = safeTarget(useSearchParams().get('next'))
  const queryClient = useQueryClient()
  const status = useQuery(trpc.auth.status.queryOptions())
  const { register, handleSubmit } = useForm({ defaultValues: { email: '', password: '' } })
  const signIn = useMutation(
    trpc.auth.signIn.mutationOptions({
      async onSuccess() {
        await queryClient.invalidateQueries()
        router.replace(next)
      },
    }),
  )
  const leaveFor = status.data?.needsSetup ? '/setup' : status.data?.user && !signIn.isPending ? next : null
  useEffect(() => {
    if (leaveFor) router.replace(leaveFor)
  }, [leaveFor, router])
  return (
    <form onSubmit={handleSubmit((values) => signIn.mutate(values))} className="flex flex-col gap-4">
      <h1 className="font-semibold text-2xl tracking-tight">{t('signInTitle')}</h1>
      <Field label={t('email')}>
        <Input type="email" autoComplete="username" autoFocus required className="h-10" {...register('email')} />
      </Field>
      <Field label={t('password')}>
        <PasswordInput autoComplete="current-password" required {...register('password')} />
      </Field>
      {signIn.error ? <ErrorNotice error={signIn.error} /> : null}
      <Button type="submit" variant="primary" size="lg" pending={signIn.isPending}>
        {t('signIn')}
      </Button>
    </form>
  )
}
