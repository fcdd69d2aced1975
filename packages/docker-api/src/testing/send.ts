import { type Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import type { BadRequest } from './bad-requests.ts'

export interface Answered {
  readonly status: number
  readonly text: string
}

/** Sends a request and takes its answer; an answer that goes on is left after its head. */
export function send(
  { socketPath, agent }: { socketPath: string; agent: Agent },
  { method, path, body, type = 'application/json' }: Pick<BadRequest, 'method' | 'path' | 'body' | 'type'>,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
    const request = httpRequest({ socketPath, agent, method, path, headers }, (response) => {
      const status = response.statusCode ?? 0
      const goesOn = method !== 'HEAD' && response.headers['content-length'] === undefined && status < 300 && status !== 204
      if (goesOn) {
        request.destroy()
        resolve({ status, text: '' })
        return
      }
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status, text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** What is wrong with an answer: no JSON with a message, another status than Docker's, or a failure of the engine. */
export function wrongAnswer(sent: BadRequest, { status, text }: Answered): object | undefined {
  const { method, path, body, expected } = sent
  let message: unknown
  if (status >= 400 && method !== 'HEAD') {
    try {
      message = (JSON.parse(text) as { message?: unknown }).message
    } catch {
      message = undefined
    }
  }
  const shaped = status < 400 || method === 'HEAD' || (typeof message === 'string' && message !== '')
  // 501: what is not supported; 503: swarm.
  const isFailure = status >= 500 && status !== 501 && status !== 503
  const fits =
    expected === undefined || (status === expected.status && (method === 'HEAD' || (expected.message?.test(String(message)) ?? true)))
  if (shaped && !isFailure && fits) return undefined
  return { method, path: path.slice(0, 150), body: body?.slice(0, 200), expected, status, text: text.slice(0, 200) }
}

/** Sends all of them, some at a time; gives what was answered wrongly. */
export async function sendAll<R extends BadRequest>(
  requests: Iterable<R>,
  sending: { socketPath: string; agent: Agent; atOnce: number },
  onAnswer: (sent: R, answered: Answered) => void = () => undefined,
): Promise<object[]> {
  const wrong: object[] = []
  const left = requests[Symbol.iterator]()
  const one = async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      const answered = await send(sending, next.value)
      onAnswer(next.value, answered)
      const found = wrongAnswer(next.value, answered)
      if (found) wrong.push(found)
    }
  }
  await Promise.all(Array.from({ length: sending.atOnce }, one))
  return wrong
}

/** How a client leaves, and how much of its request it has sent by then. */
export const leavings = [
  'closes its half',
  'closes its half in the head',
  'closes its half in the body',
  'goes',
  'goes in the head',
  'goes in the body',
] as const

/** Sends a request as such a client, and resolves with what came when the connection has closed. `bored`: it goes by now. */
export function leave(
  socketPath: string,
  { method, path, body = '', type = 'application/json' }: BadRequest,
  how: (typeof leavings)[number],
  bored: AbortSignal,
): Promise<string> {
  const head = `${method} ${path} HTTP/1.1\r\nHost: d\r\n${body && `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`}\r\n`
  const sent = how.endsWith('head') ? head.slice(0, head.length / 2) : head + (how.endsWith('body') ? body.slice(0, body.length / 2) : body)
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true })
    let came = ''
    socket.on('data', (bytes) => {
      came += bytes.toString()
      // An answer that goes on, to one who only closed its half.
      if (/^HTTP\/1\.1 200 OK\r\n/.test(came) && !/content-length/i.test(came)) socket.destroy()
    })
    bored.addEventListener('abort', () => socket.destroy())
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(came))
    socket.write(sent, () => {
      if (how.startsWith('goes')) socket.destroy()
      else socket.end()
    })
  })
}
