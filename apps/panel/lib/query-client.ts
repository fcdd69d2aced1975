import { QueryClient } from '@tanstack/react-query'
import { wireError } from './errors.ts'

/** Codes that a second try may mend. */
const passing = new Set(['unavailable', 'timeout', 'network'])

export function makeQueryClient(): QueryClient {
  return new QueryClient({
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
}
