'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { useTRPC } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'

/** Ends the session and leaves nothing of it in the page. */
export function useSignOut() {
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const t = useTranslations('auth')
  return useMutation(
    trpc.auth.signOut.mutationOptions({
      onSuccess() {
        notify.done(t('signedOut'))
        sessionStorage.clear()
        queryClient.clear()
        // a full load, so that nothing of the session stays in memory
        window.location.assign('/sign-in')
      },
      onError: (error) => notify.failed(error),
    }),
  )
}
