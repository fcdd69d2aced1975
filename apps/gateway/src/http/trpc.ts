import type { RequestListener } from 'node:http'
import { appRouter } from '@gantry/api'
import { GantryError } from '@gantry/contracts'
import type { Backend } from '@gantry/core'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { identifyRequest } from './caller.ts'
import { maxBodyBytes } from './request-limits.ts'
import type { SessionCookie } from './session-cookie.ts'

export const trpcPath = '/trpc/'

/** tRPC under `/trpc/`. Origin and content type were checked before. */
export function trpcHandler(parts: { backend: Backend; cookie: SessionCookie; trustProxy: boolean }): RequestListener {
  const { backend, cookie } = parts
  return createHTTPHandler({
    router: appRouter,
    basePath: trpcPath,
    maxBodySize: maxBodyBytes,
    allowBatching: true,
    responseMeta: () => ({ headers: new Headers({ 'cache-control': 'no-store' }) }),
    createContext: async ({ req, res }) => ({
      backend,
      caller: await identifyRequest(req, parts),
      setSession(session) {
        if (res.headersSent) throw new GantryError('invalid_input', 'auth procedures cannot be in a streamed batch')
        res.setHeader('set-cookie', cookie.write(session))
      },
    }),
  })
}
