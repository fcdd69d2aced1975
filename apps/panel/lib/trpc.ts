'use client'
import type { AppRouter } from '@gantry/api'
import { createTRPCClient, httpBatchStreamLink, httpLink, httpSubscriptionLink, splitLink } from '@trpc/client'
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server'
import { createTRPCContext } from '@trpc/tanstack-react-query'

export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>()
export type RouterOutputs = inferRouterOutputs<AppRouter>
export type RouterInputs = inferRouterInputs<AppRouter>

/**
 * Requests go out together and answers stream back; subscriptions are server-sent events; `auth.*` goes alone, because its
 * answers set the cookie. All on the page's own origin.
 */
export function makeTrpcClient() {
  const url = '/trpc'
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: httpSubscriptionLink({ url }),
        false: splitLink({
          condition: (operation) => operation.path.startsWith('auth.'),
          true: httpLink({ url }),
          false: httpBatchStreamLink({ url, maxItems: 20 }),
        }),
      }),
    ],
  })
}
