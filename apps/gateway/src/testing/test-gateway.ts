import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestBackend, testBackend } from '@gantry/core/testing'
import { WebSocket } from 'ws'
import { contentSecurityPolicy } from '../http/headers.ts'
import { createGateway } from '../server.ts'

export interface TestGateway extends AsyncDisposable {
  test: TestBackend
  origin: string
  /** Cookie header of a fresh session of that user. */
  cookieOf(userId: string): Promise<string>
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** One tRPC mutation as a page of ours sends it. */
  mutate(procedure: string, input: unknown, cookie?: string): Promise<Response>
  query(procedure: string, input: unknown, cookie?: string): Promise<Response>
  socket(ticket: string, origin?: string): WebSocket
}

const port = 7070

/** The gateway on a free port, with a page in place of the panel. */
export async function testGateway(): Promise<TestGateway> {
  const test = await testBackend()
  const gateway = createGateway({
    backend: test.backend,
    panel: {
      async handle(_request, response) {
        response.setHeader('content-security-policy', contentSecurityPolicy('abc', false))
        response.end('a page')
      },
      upgrade: (_request, socket) => void socket.destroy(),
      close: async () => undefined,
    },
    publicUrl: undefined,
    host: '127.0.0.1',
    port,
    trustProxy: false,
  })
  gateway.server.listen(0, '127.0.0.1')
  await once(gateway.server, 'listening')
  const origin = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`
  const get = (path: string, init?: RequestInit) => fetch(`${origin}${path}`, init)
  const cookieHeader = (cookie: string | undefined): Record<string, string> => (cookie ? { cookie } : {})
  return {
    test,
    origin,
    fetch: get,
    cookieOf: async (userId) => `gantry_${port}=${(await test.session(userId)).token}`,
    mutate: (procedure, input, cookie) =>
      get(`/trpc/${procedure}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin, ...cookieHeader(cookie) },
        body: JSON.stringify(input),
      }),
    query: (procedure, input, cookie) =>
      get(`/trpc/${procedure}${input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`}`, {
        headers: cookieHeader(cookie),
      }),
    socket: (ticket, from = origin) =>
      new WebSocket(`${origin.replace('http', 'ws')}/ws/terminal?ticket=${encodeURIComponent(ticket)}`, { origin: from }),
    async [Symbol.asyncDispose]() {
      await gateway.stop()
      await test[Symbol.asyncDispose]()
    },
  }
}
