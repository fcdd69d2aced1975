'use client'
import type { User } from '@gantry/contracts'
import { LoadingRows } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { usePathname, useRouter } from 'next/navigation'
import { createContext, type ReactNode, useContext, useEffect } from 'react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC } from '@/lib/trpc.ts'

const Session = createContext<User | null>(null)

/** The signed-in user. Only below `SessionGate`. */
export function useSession(): User {
  const user = useContext(Session)
  if (!user) throw new Error('useSession outside of SessionGate')
  return user
}

/** Lets signed-in users in; sends others to the sign-in page, and everybody to the set-up page while there is no administrator. */
export function SessionGate({ children }: { children: ReactNode }) {
  const trpc = useTRPC()
  const t = useTranslations('common')
  const router = useRouter()
  const pathname = usePathname()
  const status = useQuery(trpc.auth.status.queryOptions(undefined, { staleTime: 60_000 }))
  const user = status.data?.user
  const target = !status.data || user ? null : status.data.needsSetup ? '/setup' : '/sign-in'
  useEffect(() => {
    if (target) router.replace(target === '/sign-in' ? `/sign-in?next=${encodeURIComponent(pathname)}` : target)
  }, [target, router, pathname])
  if (status.isError && !user)
    return (
      <main className="mx-auto max-w-lg p-6">
        <ErrorNotice error={status.error} onRetry={() => status.refetch()} />
      </main>
    )
  if (!user) return <LoadingRows label={t('loading')} />
  return <Session.Provider value={user}>{children}</Session.Provider>
}
