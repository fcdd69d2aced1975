import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import next from 'next'
import { contentSecurityPolicy } from '../http/headers.ts'

export interface Panel {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Next's own socket, which only `dev` has. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  close(): Promise<void>
}

/** The pages: Next inside this process. A panel that was not built answers with what to do. */
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
  const app = next({ dev, dir, hostname, port })
  await app.prepare()
  const handle = app.getRequestHandler()
  const upgrade = app.getUpgradeHandler()
  return {
    async handle(request, response) {
      const policy = contentSecurityPolicy(randomBytes(16).toString('base64'), dev)
      // Next takes the nonce for its own scripts from the request.
      request.headers['content-security-policy'] = policy
      response.setHeader('content-security-policy', policy)
      await handle(request, response)
    },
    upgrade: (request, socket, head) => (dev ? void upgrade(request, socket, head) : void socket.destroy()),
    close: () => app.close(),
  }
}

export const notBuilt: Panel = {
  async handle(_request, response) {
    response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' }).end('the panel is not built: run npm start\n')
  },
  upgrade: (_request, socket) => void socket.destroy(),
  close: async () => undefined,
}
