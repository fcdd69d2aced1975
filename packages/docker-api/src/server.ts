import { type IncomingMessage, type Server, ServerResponse, createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Backend } from '@gantry/core'
import { DockerError } from './errors.ts'
import { type DockerCaller, Exchange, type Found } from './exchange.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'
import { routes } from './routes/table.ts'
import { engineVersion } from './routes/engine-version.ts'
import { destroyWhenPeerIsGone } from './wire/gone-peer.ts'
import { newestVersion, splitVersion, versionText } from './version.ts'

export interface DockerServerOptions {
  backend: Backend
  /** Who sent this request. Throws when nobody may. */
  identify(request: IncomingMessage): DockerCaller | Promise<DockerCaller>
  /** PEM: our certificate and key, and who signs those of clients. Absent: no TLS. */
  tls?: { cert: Buffer; key: Buffer; ca: Buffer }
  /** Other rows than the API's, for tests. */
  routes?: readonly Route[]
}

const headers = {
  'Api-Version': versionText(newestVersion),
  'Docker-Experimental': 'false',
  Ostype: 'linux',
  Server: `Docker/${engineVersion} (linux)`,
}

/** An HTTP server that speaks the Docker Engine API. Where it listens is the caller's business. */
export function createDockerServer(options: DockerServerOptions): Server {
  const door = new DockerDoor(options)
  // The mark is for archives: at Node's own of 16 KiB the reading would stop and start again at every piece.
  const limits = { maxHeaderSize: 128 * 1024, keepAliveTimeout: 60_000, highWaterMark: 512 * 1024 }
  const onRequest = door.request.bind(door)
  // A client's half-close ends its input only, under TLS too.
  const tls = options.tls && {
    ...options.tls,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
    allowHalfOpen: true,
  }
  const server = tls ? createTlsServer({ ...limits, ...tls }, onRequest) : createServer(limits, onRequest)
  // Archives take as long as they take; a head that does not come is cut off all the same.
  server.requestTimeout = 0
  if (!tls) {
    // A client that has closed its half still gets its answer; to tell it from one that has gone is up to us then.
    Object.assign(server, { httpAllowHalfOpen: true })
    server.on('connection', destroyWhenPeerIsGone)
  }
  server.on('upgrade', (request, socket, head) => door.upgrade(request, socket, head, server))
  server.on('clientError', (error, socket) => door.malformed(error, socket))
  return server
}

class DockerDoor {
  readonly #backend: Backend
  readonly #identify: DockerServerOptions['identify']
  readonly #router: Router
  /** Exchanges that may take their connection over: what follows their request is no request. */
  readonly #mayHijack = new WeakMap<Duplex, Exchange>()

  constructor({ backend, identify, routes: rows = routes }: DockerServerOptions) {
    this.#backend = backend
    this.#identify = identify
    this.#router = new Router(rows)
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    const exchange = new Exchange(this.#backend, request, response)
    void this.#serve(exchange)
  }

  /** Only rows that take connections over know upgrades; for all others the wish is ignored, as HTTP allows. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, server: Server): void {
    socket.on('error', () => undefined)
    let found: Found | undefined
    try {
      found = this.#find(request)
    } catch {
      // Told to the client on the way below.
    }
    if (!found?.route.hijacks) {
      socket.unshift(Buffer.concat([headWithoutUpgrade(request), head]))
      server.emit('connection', socket)
      return
    }
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.once('finish', () => socket.end())
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    void this.#serve(new Exchange(this.#backend, request, response, { head }))
  }

  /** Not HTTP. Behind a request that takes its connection over it is the first of its bytes. */
  malformed(error: Error & { rawPacket?: Buffer; bytesParsed?: number }, socket: Duplex): void {
    const exchange = this.#mayHijack.get(socket)
    if (exchange && error.rawPacket) {
      exchange.addHead(error.rawPacket.subarray(error.bytesParsed ?? 0))
      return
    }
    if (!socket.writable) socket.destroy()
    else {
      const body = JSON.stringify({ message: 'malformed request' })
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      )
    }
  }

  async #serve(exchange: Exchange): Promise<void> {
    try {
      const found = this.#find(exchange.request)
      if (!found) throw new DockerError(404, 'page not found')
      if (found.route.hijacks) this.#mayHijack.set(exchange.request.socket, exchange)
      await exchange.serve(found, await this.#identify(exchange.request))
    } catch (error) {
      if (isOurFault(error)) {
        const { method, url } = exchange.request
        this.#backend.log.error('a docker request failed', { method, url: url?.split('?')[0], error })
      }
      exchange.fail(error)
    } finally {
      this.#mayHijack.delete(exchange.request.socket)
    }
  }

  #find({ method = '', url = '/' }: IncomingMessage): Found | undefined {
    const question = url.indexOf('?')
    const { version, path } = splitVersion(question === -1 ? url : url.slice(0, question))
    const found = this.#router.find(method, path, version)
    return found && { ...found, version, search: question === -1 ? '' : url.slice(question + 1) }
  }
}

const isOurFault = (error: unknown) => !(error instanceof Error) || !['GantryError', 'DockerError'].includes(error.name)

/** The request once more, without what asks for an upgrade. */
function headWithoutUpgrade({ method, url, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/1.1`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (!/^(upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${rawHeaders[index + 1]}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
