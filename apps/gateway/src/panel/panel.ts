import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { contentSecurityPolicy } from '../http/headers.ts'

export interface Panel {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Next's own socket, which only `dev` has. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  close(): Promise<void>
}

/** The pages: Next inside this process, from the first request on. A panel that was not built answers with what to do. */
export async function openPanel({
  dir,
  dev,
  hostname,
  port,
}: {
  dir: string
  dev: boolean
  hostname: string
  port: number
}): Promise<Panel> {
  if (!dev && !existsSync(join(dir, '.next', 'BUILD_ID'))) return notBuilt
  const start = async () => {
    // A machine whose panel nobody opens need not hold it in memory.
    const { default: next } = await import('next')
    const app = next({ dev, dir, hostname, port })
    await app.prepare()
    return app
  }
  let started: ReturnType<typeof start> | undefined
  const panel = () =>
    (started ??= start().catch((error: unknown) => {
      started = undefined
      throw error
    }))
  if (dev) await panel()
  return {
    async handle(request, response) {
      const policy = contentSecurityPolicy(randomBytes(16).toString('base64'), dev)
      // Next takes the nonce for its own scripts from the request.
      request.headers['content-security-policy'] = policy
      response.setHeader('content-security-policy', policy)
      await (await panel()).getRequestHandler()(request, response)
    },
    upgrade(request, socket, head) {
      if (dev) void panel().then((app) => app.getUpgradeHandler()(request, socket, head))
      else socket.destroy()
    },
    close: async () => (await started)?.close(),
  }
}

export const notBuilt: Panel = {
  async handle(_request, response) {
    response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' }).end('the panel is not built: run npm start\n')
  },
  upgrade: (_request, socket) => void socket.destroy(),
  close: async () => undefined,
}
