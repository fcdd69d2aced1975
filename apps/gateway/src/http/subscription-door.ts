import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { appRouter } from '@gantry/api'
import { GantryError } from '@gantry/contracts'
import { type Backend, type Caller, type SignedIn, watchAccess } from '@gantry/core'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { identifyRequest } from './caller.ts'
import { type Site, refuseUpgrade } from './origin.ts'
import { maxBodyBytes } from './request-limits.ts'
import type { SessionCookie } from './session-cookie.ts'

export const subscriptionPath = '/ws/trpc'
const keepAlive = { enabled: true, pingMs: 15_000, pongWaitMs: 10_000 }
/** The session is gone; the browser connects again with the one it has then. */
const sessionEnded = 4001

/**
 * tRPC over one WebSocket per tab, for subscriptions: browsers keep at most six HTTP connections to a host, over all tabs, and
 * each stream of events would hold one.
 */
export class SubscriptionDoor {
  readonly #site: Site
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: maxBodyBytes, perMessageDeflate: false })

  constructor(parts: { backend: Backend; cookie: SessionCookie; trustProxy: boolean }, site: Site) {
    this.#site = site
    applyWSSHandler({
      wss: this.#server,
      router: appRouter,
      keepAlive,
      createContext: async ({ req, res }) => {
        const caller = await identifyRequest(req, parts)
        endWithSession(parts.backend, caller, res)
        return { backend: parts.backend, caller, setSession: refuseCookie }
      },
    })
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (refuseUpgrade(request, socket, this.#site)) return
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => webSocket.terminate())
      this.#server.emit('connection', webSocket, request)
    })
  }

  close(): void {
    for (const client of this.#server.clients) client.close(1001, 'the gateway is stopping')
    this.#server.close()
  }
}

/** The caller is whoever connected; the connection must not outlive that session. */
function endWithSession(backend: Backend, caller: Caller, socket: WebSocket): void {
  if (!caller.user) return
  const stop = watchAccess(backend, caller as SignedIn, { permission: 'account.own' }, () => socket.close(sessionEnded))
  socket.once('close', stop)
}

function refuseCookie(): never {
  throw new GantryError('invalid_input', 'auth procedures cannot go over a WebSocket')
}
