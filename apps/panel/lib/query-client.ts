import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { wireError } from './errors.ts'

/** Codes that a second try may mend. */
const passing = new Set(['unavailable', 'timeout', 'network'])

export function makeQueryClient(): QueryClient {
  // a session that has ended: ask who we are, and the session gate leads to the sign-in page
  const onError = (error: unknown) => {
    if (wireError(error).code === 'unauthenticated') void client.invalidateQueries({ queryKey: [['auth', 'status']] })
  }
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: true,
        retry: (count, error) => count < 3 && passing.has(wireError(error).code),
        retryDelay: (count) => Math.min(2000, 300 * 2 ** count),
      },
      mutations: { retry: false },
    },
  })
  return client
}
