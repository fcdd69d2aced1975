import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, createServer } from 'node:http'
import { GantryError } from '@gantry/contracts'
import { type Backend, databaseAnswers } from '@gantry/core'
import { downloadAudit } from './download/download-audit.ts'
import { downloadLogs } from './download/download-logs.ts'
import { answerError, answerJson } from './http/answer.ts'
import { identifyRequest } from './http/caller.ts'
import { setSecurityHeaders } from './http/headers.ts'
import { type Site, requireKnownHost, requireNotCrossSite, requireOwnOrigin } from './http/origin.ts'
import { limitBody, limitRequests } from './http/request-limits.ts'
import { SessionCookie } from './http/session-cookie.ts'
import { SubscriptionDoor, subscriptionPath } from './http/subscription-door.ts'
import { trpcHandler, trpcPath } from './http/trpc.ts'
import type { Panel } from './panel/panel.ts'
import { TerminalDoor, terminalPath } from './terminal/terminal-door.ts'
import { receiveImage } from './upload/upload-image.ts'

export interface GatewayParts {
  backend: Backend
  panel: Panel
  publicUrl: URL | undefined
  host: string
  port: number
  trustProxy: boolean
}

export interface Gateway {
  server: Server
  /** Stops taking requests, tells open terminals, ends what is under way. */
  stop(): Promise<void>
}

type Route = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void

/** The one public door. What has no row here is the panel's, which has no rights of its own. */
export function createGateway(parts: GatewayParts): Gateway {
  const { backend, panel, publicUrl } = parts
  const site: Site = { publicUrl, listenHost: parts.host }
  const secure = publicUrl?.protocol === 'https:'
  const cookie = new SessionCookie({ secure, port: parts.port })
  const identified = { backend, cookie, trustProxy: parts.trustProxy }
  const doors: Record<string, TerminalDoor | SubscriptionDoor> = {
    [terminalPath]: new TerminalDoor(backend, site),
    [subscriptionPath]: new SubscriptionDoor(identified, site),
  }
  const routes = routesOf(identified, trpcHandler(identified))

  const server = createServer((request, response) => {
    setSecurityHeaders(response, secure)
    void serve(request, response).catch((error: unknown) => {
      if (!(error instanceof GantryError)) backend.log.error('request failed', { url: request.url?.split('?')[0], error })
      answerError(response, error)
    })
  })
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    requireKnownHost(request, site)
    const url = new URL(request.url ?? '/', 'http://gateway')
    const route = routes[url.pathname] ?? (url.pathname.startsWith(trpcPath) ? routes[trpcPath] : undefined)
    if (route || (request.method !== 'GET' && request.method !== 'HEAD')) checkSource(request, site)
    if (url.pathname !== uploadPath) limitBody(request)
    await (route ? route(request, response, url) : panel.handle(request, response))
  }
  server.on('upgrade', (request, socket, head) => {
    const door = doors[request.url?.split('?')[0] ?? ''] ?? panel
    door.upgrade(request, socket, head)
  })
  limitRequests(server)
  return { server, stop: () => stop(server, Object.values(doors)) }
}

const uploadPath = '/upload/image'

function routesOf(
  identified: { backend: Backend; cookie: SessionCookie; trustProxy: boolean },
  trpc: RequestListener,
): Record<string, Route> {
  const { backend } = identified
  const audit =
    (format: 'csv' | 'json'): Route =>
    async (request, response, { searchParams: query }) =>
      downloadAudit(backend, await identifyRequest(request, identified), { format, query }, response)
  return {
    '/healthz': async (_request, response) => {
      const database = await databaseAnswers(backend)
      answerJson(response, database ? 200 : 503, { ok: database, database })
    },
    [trpcPath]: (request, response) => {
      requireJson(request)
      trpc(request, response)
    },
    '/download/logs': async (request, response, { searchParams }) =>
      downloadLogs(backend, await identifyRequest(request, identified), searchParams, response),
    '/download/audit.csv': audit('csv'),
    '/download/audit.json': audit('json'),
    [uploadPath]: async (request, response, { searchParams }) => {
      if (request.method !== 'POST') throw new GantryError('invalid_input', 'an upload is a POST')
      const projectId = searchParams.get('projectId') ?? ''
      await receiveImage(backend, await identifyRequest(request, identified), request, { projectId, response })
    },
  }
}

/** What changes something must come from our own pages; what reads must at least not come from another site's. */
function checkSource(request: IncomingMessage, site: Site): void {
  if (request.method === 'GET' || request.method === 'HEAD') requireNotCrossSite(request)
  else requireOwnOrigin(request, site)
}

/** Forms of other sites cannot send JSON. */
function requireJson({ method, headers }: IncomingMessage): void {
  if (method === 'GET') return
  if (method !== 'POST' || !/^application\/json\b/.test(headers['content-type'] ?? '')) {
    throw new GantryError('invalid_input', 'tRPC takes GET, and POST of application/json')
  }
}

const stopMs = 3_000

async function stop(server: Server, doors: { close(): void }[]): Promise<void> {
  for (const door of doors) door.close()
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  // Subscriptions never end by themselves.
  const timer = setTimeout(() => server.closeAllConnections(), stopMs)
  await closed
  clearTimeout(timer)
}
