import { GantryError } from '@gantry/contracts'
import { windowBytes } from './frame.ts'

/**
 * Receiving half of one direction: holds at most a window of unread bytes and grants more as the reader takes them.
 * One reader. Breaking out of the loop calls `onAbandon`.
 */
export class ReceiveQueue<T> implements AsyncIterableIterator<T> {
  readonly #items: { value: T; bytes: number }[] = []
  readonly #grant: (bytes: number) => void
  readonly #onAbandon: () => void
  #unread = 0
  #taken = 0
  #ended = false
  #error: unknown
  #waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void } | undefined

  constructor(grant: (bytes: number) => void, onAbandon: () => void) {
    this.#grant = grant
    this.#onAbandon = onAbandon
  }

  /** False when the peer sent more than it was granted. An item may overrun the window once, when something was left of it. */
  push(value: T, bytes: number): boolean {
    if (this.#ended) return true
    if (this.#unread + this.#taken >= windowBytes) return false
    this.#unread += bytes
    if (this.#waiting) {
      const waiting = this.#waiting
      this.#waiting = undefined
      this.#consumed(bytes)
      waiting.resolve({ value, done: false })
    } else this.#items.push({ value, bytes })
    return true
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting?.resolve({ value: undefined, done: true })
    this.#waiting = undefined
  }

  fail(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#waiting) this.#waiting.reject(error)
    else this.#error = error
    this.#waiting = undefined
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift()
    if (item) {
      this.#consumed(item.bytes)
      return Promise.resolve({ value: item.value, done: false })
    }
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    if (this.#waiting) return Promise.reject(new GantryError('internal', 'two readers of one stream'))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<T>> {
    this.#items.length = 0
    this.end()
    this.#onAbandon()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #consumed(bytes: number): void {
    this.#unread -= bytes
    this.#taken += bytes
    if (this.#ended || this.#taken < windowBytes / 2) return
    const grant = this.#taken
    this.#taken = 0
    this.#grant(grant)
  }
}

/** Sending half of one direction: what the peer has granted and is not used up. */
export class SendWindow {
  #credit = windowBytes
  #closed: GantryError | undefined
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = []

  get credit(): number {
    return this.#credit
  }

  /** Uses up `bytes`; the credit may go below zero for one message larger than what is left. */
  take(bytes: number): void {
    this.#credit -= bytes
  }

  /** Resolves when there is credit; rejects when the request is over. */
  async ready(): Promise<void> {
    while (this.#credit <= 0 && !this.#closed) await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    if (this.#closed) throw this.#closed
  }

  grant(bytes: number): void {
    this.#credit += bytes
    if (this.#credit > 0) for (const waiter of this.#waiting.splice(0)) waiter.resolve()
  }

  close(error: GantryError): void {
    this.#closed ??= error
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#closed)
  }
}
