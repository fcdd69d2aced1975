import { randomBytes } from 'node:crypto'
import { type EngineEvent, GantryError } from '@gantry/contracts'
import type { EventBus } from '../ports.ts'

/** Events kept for subscribers that come back. */
const replayEvents = 2048
/** Events that may wait for a subscriber before it is dropped. */
const queueEvents = 8192

/** Nanoseconds since 1970, as docker's `timeNano`. */
export function nowNano(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n
}

/** Makes the bus. `boot` names this life of the agent. */
export function createEventBus(boot = randomBytes(8).toString('hex')): EventBus {
  const ring: EngineEvent[] = []
  const subscribers = new Set<Subscriber>()
  let seq = 0
  return {
    emit(event) {
      const full: EngineEvent = { seq: ++seq, boot, timeNano: String(nowNano()), ...event }
      ring.push(full)
      if (ring.length > replayEvents) ring.shift()
      for (const subscriber of subscribers) subscriber.push(full)
    },
    subscribe(signal, since, { follow = true } = {}) {
      const missed = since === undefined ? [] : since.boot === boot ? ring.filter((event) => event.seq > since.seq) : [...ring]
      const subscriber = new Subscriber(missed, () => subscribers.delete(subscriber))
      if (follow) subscribers.add(subscriber)
      else subscriber.close()
      const onAbort = () => subscriber.close()
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
      return subscriber
    },
  }
}

class Subscriber implements AsyncIterableIterator<EngineEvent> {
  readonly #queue: EngineEvent[]
  readonly #onClose: () => void
  #wake: ((result: IteratorResult<EngineEvent>) => void) | undefined
  #closed = false
  #overrun = false

  constructor(missed: EngineEvent[], onClose: () => void) {
    this.#queue = missed
    this.#onClose = onClose
  }

  push(event: EngineEvent): void {
    if (this.#wake) {
      this.#wake({ value: event, done: false })
      this.#wake = undefined
    } else if (this.#queue.length >= queueEvents) {
      this.#overrun = true
      this.close()
    } else this.#queue.push(event)
  }

  close(): void {
    this.#closed = true
    this.#onClose()
    this.#wake?.({ value: undefined, done: true })
    this.#wake = undefined
  }

  async next(): Promise<IteratorResult<EngineEvent>> {
    const event = this.#queue.shift()
    if (event) return { value: event, done: false }
    if (this.#overrun) throw new GantryError('unavailable', `subscriber is more than ${queueEvents} events behind`)
    if (this.#closed) return { value: undefined, done: true }
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  async return(): Promise<IteratorResult<EngineEvent>> {
    this.#queue.length = 0
    this.close()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
