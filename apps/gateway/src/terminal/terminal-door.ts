import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { GantryError, terminalFrameBytes } from '@gantry/contracts'
import type { Backend } from '@gantry/core'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Site, refuseUpgrade } from '../http/origin.ts'
import { refuseTerminal, serveTerminal } from './serve-terminal.ts'

export const terminalPath = '/ws/terminal'
const maxSocketsPerUser = 64

/** `/ws/terminal`: exact origin, one-use ticket, bounded sockets per user. */
export class TerminalDoor {
  readonly #backend: Backend
  readonly #site: Site
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: terminalFrameBytes, perMessageDeflate: false, clientTracking: true })
  readonly #open = new Map<string, number>()

  constructor(backend: Backend, site: Site) {
    this.#backend = backend
    this.#site = site
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (refuseUpgrade(request, socket, this.#site)) return
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#accept(request, webSocket))
  }

  /** Browsers reattach elsewhere or later; shells go on. */
  close(): void {
    for (const client of this.#server.clients) client.close(1001, 'the gateway is stopping')
    this.#server.close()
  }

  #accept(request: IncomingMessage, socket: WebSocket): void {
    // A frame that is too large or malformed; ws closes the socket by itself.
    socket.on('error', (error) => this.#backend.log.warn('a terminal socket failed', { error }))
    const secret = new URL(request.url ?? '', 'http://gateway').searchParams.get('ticket') ?? ''
    const ticket = this.#backend.tickets.redeem(secret)
    if (!ticket) {
      refuseTerminal(socket, new GantryError('forbidden', 'the terminal ticket is unknown, used or too old'))
      return
    }
    const { id } = ticket.caller.user
    const open = (this.#open.get(id) ?? 0) + 1
    if (open > maxSocketsPerUser) {
      refuseTerminal(socket, new GantryError('rate_limited', `${maxSocketsPerUser} terminals are open already`))
      return
    }
    this.#open.set(id, open)
    socket.once('close', () => this.#open.set(id, (this.#open.get(id) ?? 1) - 1))
    void serveTerminal(this.#backend, socket, ticket)
  }
}
