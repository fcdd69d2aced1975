import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, isIPv6, type Server, type Socket } from 'node:net'
import { type DecodedPacket, decode } from 'dns-packet'
import type { EngineConfig } from '../../ports.ts'
import type { Asker, Zone } from '../zone.ts'
import { decide, rcode, respond } from './answer.ts'
import { forward } from './forward.ts'
import { RateLimit } from './rate-limit.ts'

const questionsPerSecond = 500
const tcpIdleMs = 10_000
const tcpConnections = 128
/** Nothing but plain queries (opcode 0). */
const opcodeBits = 0x7800

export interface DnsServerOptions {
  readonly zone: Zone
  readonly log: EngineConfig['log']
  /** Servers for what is not ours; an empty list: refused (containers of internal networks only). */
  readonly upstreams: (asker: Asker) => readonly string[]
  /** Whether the address is of one of our subnets. */
  readonly ownsAddress: (address: string) => boolean
  /** 53 but in tests. */
  readonly port?: number
}

/**
 * The resolver of all containers, listening on the gateway addresses of our bridges. Who asks is told by the source address, which
 * the firewall binds to the container's port. It knows nobody else: strangers get no answer.
 */
export class DnsServer {
  readonly #options: DnsServerOptions
  readonly #listeners = new Map<string, { udp: UdpSocket; tcp: Server }>()
  readonly #limit = new RateLimit(questionsPerSecond)
  /** Of the listeners there are now; `listen` after `closeAll` begins anew. */
  #closing = new AbortController()

  constructor(options: DnsServerOptions) {
    this.#options = options
  }

  /** Starts to listen on a gateway's address; idempotent. */
  async listen(address: string): Promise<void> {
    if (this.#listeners.has(address)) return
    const udp = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' })
    const tcp = createServer((socket) => this.#serveTcp(socket))
    tcp.maxConnections = tcpConnections
    this.#listeners.set(address, { udp, tcp })
    const port = this.#options.port ?? 53
    udp.on('message', (message, peer) => {
      void this.#answer(message, stripScope(peer.address), 'udp').then((answer) => {
        if (answer && this.#listeners.get(address)?.udp === udp) udp.send(answer, peer.port, peer.address, () => {})
      })
    })
    try {
      await Promise.all([
        new Promise<void>((resolve, reject) => udp.once('error', reject).bind({ port, address }, resolve)),
        new Promise<void>((resolve, reject) => tcp.once('error', reject).listen({ port, host: address }, resolve)),
      ])
      udp.removeAllListeners('error').on('error', () => {})
      tcp.removeAllListeners('error').on('error', () => {})
    } catch (error) {
      await this.close(address)
      this.#options.log('error', 'resolver cannot listen; names of containers do not resolve on this network', {
        address,
        error: String(error),
      })
    }
  }

  async close(address: string): Promise<void> {
    const listener = this.#listeners.get(address)
    if (!listener) return
    this.#listeners.delete(address)
    await Promise.all([
      new Promise<void>((resolve) => {
        try {
          listener.udp.close(resolve)
        } catch {
          resolve()
        }
      }),
      new Promise<void>((resolve) => {
        listener.tcp.close(() => resolve())
      }),
    ])
  }

  async closeAll(): Promise<void> {
    this.#closing.abort()
    this.#closing = new AbortController()
    await Promise.all([...this.#listeners.keys()].map((address) => this.close(address)))
  }

  /** Null: no answer at all (not a query, a stranger, too many questions). */
  async #answer(message: Buffer, address: string, transport: 'udp' | 'tcp'): Promise<Buffer | null> {
    const { zone, ownsAddress, upstreams } = this.#options
    const asker = zone.asker(address)
    if (!asker || message.length < 12 || !this.#limit.admit(address, performance.now())) return null
    const query = parse(message)
    if (query?.type !== 'query') return null
    const [question] = query.questions ?? []
    if (((query.flags ?? 0) & opcodeBits) !== 0) return respond(query, rcode.notImplemented, [], transport)
    if (!question || query.questions?.length !== 1) return respond(query, rcode.formatError, [], transport)
    const decision = decide(question, asker, zone, ownsAddress)
    if (decision.kind === 'answer') return respond(query, decision.rcode, decision.answers, transport)
    const servers = upstreams(asker)
    if (servers.length === 0) return respond(query, rcode.refused, [], transport)
    return (await forward(message, servers, transport, this.#closing.signal)) ?? respond(query, rcode.serverFailure, [], transport)
  }

  #serveTcp(socket: Socket): void {
    const address = stripScope(socket.remoteAddress ?? '')
    let received = Buffer.alloc(0)
    socket.setTimeout(tcpIdleMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    this.#closing.signal.addEventListener('abort', () => socket.destroy(), { once: true })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const message = received.subarray(2, 2 + received.readUInt16BE(0))
        received = received.subarray(2 + message.length)
        void this.#answer(Buffer.from(message), address, 'tcp').then((answer) => {
          if (answer && !socket.destroyed) socket.write(Buffer.concat([lengthOf(answer), answer]))
        })
      }
    })
  }
}

function parse(message: Buffer): DecodedPacket | null {
  try {
    return decode(message)
  } catch {
    return null
  }
}

function lengthOf(message: Buffer): Buffer {
  const frame = Buffer.alloc(2)
  frame.writeUInt16BE(message.length)
  return frame
}

/** `fe80::1%gb…` and `::ffff:10.0.0.2` as plain addresses. */
function stripScope(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(\d+\.\d+\.\d+\.\d+)$/, '$1')
}
