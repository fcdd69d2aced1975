import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readStateFile, replaceFile } from './atomic-file.ts'

const markerSchema = z.object({ boot: z.string(), session: z.string(), since: z.number() })

/** Which content a power loss may have left half on the disk: what was written in `session`, since that time (ms). */
export interface Unsynced {
  readonly session: string
  readonly since: number
}

/**
 * Content that may be had again (layers, blobs) is not waited for to reach the disk: a marker that is on the disk says that some is still
 * on its way, and a flush behind the requests' backs takes the marker away. Death of the agent loses nothing, because the kernel has
 * the data; after death of the machine the marker of an earlier boot tells what not to trust.
 */
export class WriteBehind {
  readonly #marker: string
  readonly #sync: () => Promise<void>
  readonly #onFailure: (error: unknown) => void
  /** What an earlier boot of the machine left unsynced; whoever owns content checks it and then calls `forgive`. */
  readonly unsynced: Unsynced | undefined
  #session: Session | undefined
  #writers = 0
  #written = 0
  #synced = 0
  #flushing: Promise<void> | undefined

  /** @param sync flushes the file system that `folder` lies on */
  constructor(folder: string, options: { sync: () => Promise<void>; onFailure: (error: unknown) => void }) {
    this.#marker = join(folder, 'unsynced.json')
    this.#sync = options.sync
    this.#onFailure = options.onFailure
    const read = readStateFile(this.#marker)
    const marker = read.kind === 'value' ? markerSchema.safeParse(read.value) : undefined
    if (marker?.success && marker.data.boot !== bootId()) this.unsynced = marker.data
    // An unreadable marker was being written when the machine died: before any content that it would have announced.
    if (marker?.success && marker.data.boot === bootId()) {
      this.#session = newSession(Promise.resolve(marker.data.session))
      this.#flush()
    }
  }

  /** Everything unsynced has been checked. */
  forgive(): void {
    if (this.unsynced) rmSync(this.#marker, { force: true })
  }

  /** Runs `work`, which writes content without flushing it and notes the session with it where it can. */
  async write<T>(work: (session: string) => Promise<T>): Promise<T> {
    this.#writers++
    try {
      return await work(await this.#current())
    } finally {
      this.#writers--
      this.#written++
      this.#flush()
    }
  }

  /** Resolves when what was written in one of these sessions is on the disk, and the marker gone; also when that has failed. */
  async settled(sessions: readonly string[]): Promise<void> {
    const current = this.#session
    if (current && sessions.includes(await current.id)) await current.ended
  }

  async #current(): Promise<string> {
    const session = this.#session ?? newSession(this.#begin())
    this.#session = session
    try {
      return await session.id
    } catch (error) {
      // A full disk has no room for the marker; the next write tries again.
      if (this.#session === session) this.#session = undefined
      session.end()
      throw error
    }
  }

  async #begin(): Promise<string> {
    const session = randomBytes(8).toString('hex')
    await replaceFile(this.#marker, { boot: bootId(), session, since: Date.now() })
    return session
  }

  #flush(): void {
    this.#flushing ??= this.#flushUntilClean().then(
      () => {
        this.#flushing = undefined
        // A write that ended after the last look.
        if (this.#synced !== this.#written) this.#flush()
      },
      (error) => {
        this.#flushing = undefined
        this.#session?.end()
        this.#onFailure(error)
      },
    )
  }

  async #flushUntilClean(): Promise<void> {
    do {
      const written = this.#written
      await this.#sync()
      this.#synced = written
    } while (this.#synced !== this.#written)
    // Who still writes ends with another flush.
    if (this.#writers > 0) return
    rmSync(this.#marker, { force: true })
    this.#session?.end()
    this.#session = undefined
  }
}

interface Session {
  readonly id: Promise<string>
  readonly ended: Promise<void>
  readonly end: () => void
}

function newSession(id: Promise<string>): Session {
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { id, ended, end }
}

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
