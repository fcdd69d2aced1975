'use client'
import type { AppRouter } from '@gantry/api'
import { createTRPCClient, createWSClient, httpBatchStreamLink, httpLink, splitLink, wsLink } from '@trpc/client'
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server'
import { createTRPCContext } from '@trpc/tanstack-react-query'

export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>()
export type RouterOutputs = inferRouterOutputs<AppRouter>
export type RouterInputs = inferRouterInputs<AppRouter>

/**
 * Requests go out together and answers stream back; subscriptions share one WebSocket, as browsers allow six HTTP connections to a
 * host over all tabs; `auth.*` goes alone, because its answers set the cookie. All on the page's own origin.
 */
export function makeTrpcClient() {
  const url = '/trpc'
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: typeof window === 'undefined' ? httpLink({ url }) : socketLink(),
        false: splitLink({
          condition: (operation) => operation.path.startsWith('auth.'),
          true: httpLink({ url }),
          false: httpBatchStreamLink({ url, maxItems: 20 }),
        }),
      }),
    ],
  })
}

/** Only in the browser: a page rendered on the server subscribes to nothing, and Node 20 has no WebSocket. */
function socketLink() {
  const url = () => `${location.origin.replace(/^http/, 'ws')}/ws/trpc`
  return wsLink<AppRouter>({ client: createWSClient({ url, lazy: { enabled: true, closeMs: 1000 } }) })
}
