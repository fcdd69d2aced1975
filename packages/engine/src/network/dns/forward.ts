import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { decode } from 'dns-packet'

const attemptMs = 2000
/** Unanswered questions at a time, all containers together. */
const outstandingLimit = 512
let outstanding = 0

/**
 * Asks the servers in turn and gives the first answer back under the question's own id; null when none answers in time.
 * Each question goes out under a fresh random id from a fresh socket (random port), and only an answer that repeats id and question
 * counts (RFC 5452).
 */
export async function forward(
  query: Buffer,
  servers: readonly string[],
  transport: 'udp' | 'tcp',
  signal: AbortSignal,
): Promise<Buffer | null> {
  if (outstanding >= outstandingLimit) return null
  outstanding++
  try {
    for (const server of servers) {
      if (signal.aborted) return null
      const id = randomInt(65536)
      const asked = Buffer.from(query)
      asked.writeUInt16BE(id, 0)
      const answer = await (transport === 'udp' ? askUdp : askTcp)(asked, server, signal)
      if (!answer) continue
      answer.writeUInt16BE(query.readUInt16BE(0), 0)
      return answer
    }
    return null
  } finally {
    outstanding--
  }
}

/** `1.2.3.4` or `[::1]:5353`, as resolv.conf and tests name them. */
export function parseServer(server: string): { host: string; port: number } {
  const bracketed = /^\[(.+)\]:(\d+)$/.exec(server) ?? /^([0-9.]+):(\d+)$/.exec(server)
  return bracketed ? { host: bracketed[1] ?? '', port: Number(bracketed[2]) } : { host: server, port: 53 }
}

function repeats(answer: Buffer, asked: Buffer): boolean {
  if (answer.length < 12 || answer.readUInt16BE(0) !== asked.readUInt16BE(0) || (answer[2] ?? 0) < 128) return false
  try {
    const [theirs] = decode(answer).questions ?? []
    const [ours] = decode(asked).questions ?? []
    return theirs?.name.toLowerCase() === ours?.name.toLowerCase() && theirs?.type === ours?.type
  } catch {
    return false
  }
}

function askUdp(asked: Buffer, server: string, signal: AbortSignal): Promise<Buffer | null> {
  const { host, port } = parseServer(server)
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const finish = (answer: Buffer | null) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.removeAllListeners('message')
      socket.close()
      resolve(answer)
    }
    const abort = () => finish(null)
    const timer = setTimeout(abort, attemptMs)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', () => finish(null))
    socket.on('message', (message) => {
      if (repeats(message, asked)) finish(message)
    })
    // A connected socket takes datagrams of this server only, and learns at once that nobody listens there.
    socket.connect(port, host, (error?: Error) => {
      if (!error) socket.send(asked)
    })
  })
}

function askTcp(asked: Buffer, server: string, signal: AbortSignal): Promise<Buffer | null> {
  const { host, port } = parseServer(server)
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let received = Buffer.alloc(0)
    const finish = (answer: Buffer | null) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.destroy()
      resolve(answer)
    }
    const abort = () => finish(null)
    const timer = setTimeout(abort, attemptMs)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', abort)
    socket.once('close', abort)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const answer = Buffer.from(received.subarray(2, 2 + received.readUInt16BE(0)))
      finish(repeats(answer, asked) ? answer : null)
    })
    const frame = Buffer.alloc(2)
    frame.writeUInt16BE(asked.length)
    socket.write(Buffer.concat([frame, asked]))
  })
}
