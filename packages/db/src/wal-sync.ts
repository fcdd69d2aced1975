import { closeSync, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'

const toDisk = promisify(fdatasync)
const withinMs = 50

/**
 * Has SQLite's write-ahead log put on the disk off the main thread, one call for all that was committed before it: SQLite's own way
 * would stop the whole process at every commit. The file lives as long as a connection does.
 */
export class WalSync {
  readonly #file: string
  readonly #onError: (error: unknown) => void
  #descriptor: number | undefined
  /** Commits so far, and how many of them are on the disk. */
  #written = 0
  #synced = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  /** `onError` is told of a failure that nobody waits for. */
  constructor(file: string, onError: (error: unknown) => void) {
    this.#file = file
    this.#onError = onError
  }

  /** There is one commit more. It will be on the disk in a moment. */
  written(): void {
    this.#written += 1
    this.#timer ??= setTimeout(() => void this.flush().catch(this.#onError), withinMs).unref()
  }

  /** Resolves when all commits so far are on the disk; rejects when the disk says that they are not. */
  async flush(): Promise<void> {
    const wanted = this.#written
    while (this.#synced < wanted) {
      this.#running ??= this.#sync().finally(() => {
        this.#running = undefined
      })
      await this.#running
    }
  }

  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  async #sync(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const covers = this.#written
    this.#descriptor ??= openSync(this.#file, 'r')
    await toDisk(this.#descriptor)
    this.#synced = covers
  }
}
