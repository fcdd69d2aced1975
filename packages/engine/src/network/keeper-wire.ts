import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const version = 1

/** A request that could not be carried out; `code` is the system's, as of a socket of our own. */
export class KeeperRefusal extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

export interface KeeperAnswer {
  /** The words behind `ok`. */
  readonly words: readonly string[]
  readonly items: readonly (readonly string[])[]
}

interface Pending {
  readonly items: string[][]
  resolve(answer: KeeperAnswer): void
  reject(error: Error): void
}

/** The agent's connection to a process that outlives it (gantry-ports, gantry-dns): lines of words, see native/src/keeper.h. */
export class KeeperWire {
  readonly #socket: Socket
  readonly #pending = new Map<string, Pending>()
  readonly closed: Promise<void>
  #text = ''
  #nextId = 1
  #greeted: (greeting: string) => void = () => {}

  /** Null when nobody listens at `path`. `current` is false when it is another version, which can only be told to end. */
  static async open(path: string, program: string): Promise<{ wire: KeeperWire; current: boolean } | null> {
    const socket = connect({ path })
    try {
      await once(socket, 'connect')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return null
      throw error
    }
    const wire = new KeeperWire(socket)
    const greeting = new Promise<string>((resolve) => {
      wire.#greeted = resolve
    })
    const first = await Promise.race([greeting, wire.closed.then(() => null)])
    return first === null ? null : { wire, current: first === `${program} ${version}` }
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    // An idle engine must be able to end.
    socket.unref()
    socket.setEncoding('utf8')
    socket.on('error', () => {})
    socket.on('data', (text: string) => this.#read(text))
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        for (const { reject } of this.#pending.values()) reject(new KeeperRefusal('EPIPE'))
        this.#pending.clear()
        resolve()
      }),
    )
  }

  request(...words: readonly (string | number)[]): Promise<KeeperAnswer> {
    if (this.#socket.destroyed) return Promise.reject(new KeeperRefusal('EPIPE'))
    const id = String(this.#nextId++)
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { items: [], resolve, reject })
      this.#socket.ref()
      this.#socket.write(`${[id, ...words].join(' ')}\n`)
    })
  }

  /** Ends the process. */
  async end(): Promise<void> {
    await this.request('end').catch(() => {})
    await this.closed
  }

  /** Leaves; the process stays. */
  leave(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    const [id = '', kind, ...words] = line.split(' ')
    const pending = this.#pending.get(id)
    if (!pending) {
      this.#greeted(line)
      return
    }
    if (kind === 'item') {
      pending.items.push(words)
      return
    }
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#socket.unref()
    if (kind === 'ok') pending.resolve({ words, items: pending.items })
    else pending.reject(new KeeperRefusal(words[0] ?? 'EPROTO'))
  }
}
