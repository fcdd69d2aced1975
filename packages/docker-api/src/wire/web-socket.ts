import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer, createWebSocketStream } from 'ws'
import { DockerError } from '../errors.ts'
import { HijackedStream } from './hijack.ts'

/** Of one message of a client; what is typed or piped comes in many. */
const maxMessageBytes = 1024 * 1024

/** What asks for a WebSocket as RFC 6455 has it; the rest is the library's to judge. */
export function isHandshake({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
}

/** Answers the handshake. Messages of the client are bytes, whatever their type; ours are binary. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<{ stream: HijackedStream; ended: Promise<void> }> {
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: maxMessageBytes })
  return new Promise((resolve, reject) => {
    server.once('wsClientError', (error) => reject(new DockerError(400, `bad WebSocket handshake: ${error.message}`)))
    server.handleUpgrade(request, socket, head, (client) => resolve(toStream(client)))
  })
}

function toStream(client: WebSocket): { stream: HijackedStream; ended: Promise<void> } {
  const ended = new Promise<void>((resolve) => client.once('close', () => resolve()))
  // A client that breaks off, or sends what is no frame, is noticed by the close that follows.
  const duplex = createWebSocketStream(client).on('error', () => undefined)
  return { stream: new HijackedStream(duplex, Buffer.alloc(0)), ended }
}
