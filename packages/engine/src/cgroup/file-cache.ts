import { closeSync, openSync, readSync } from 'node:fs'
import { isGone } from './host-facts.ts'

/** Far below the hard limit on descriptors (20,000 where root may not raise it), so that the rest of the agent has room. */
const MOST_OPEN = 8000
const FIRST_BUFFER_BYTES = 64 * 1024

/**
 * Reads many small kernel files again and again. Keeping them open saves two of three system calls and the path walk;
 * an open file of a removed group reads as ENODEV and does not keep the group alive.
 */
export class FileCache {
  readonly #open = new Map<string, Map<string, number>>()
  #count = 0
  #buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES)

  /** Content, or null when the file is not there or the kernel does not offer it (EOPNOTSUPP: pressure switched off). */
  read(dir: string, file: string): string | null {
    const files = this.#open.get(dir)
    const known = files?.get(file)
    try {
      if (known !== undefined) return this.#content(known)
      const fd = openSync(`${dir}/${file}`, 'r')
      if (this.#count >= MOST_OPEN) {
        try {
          return this.#content(fd)
        } finally {
          closeSync(fd)
        }
      }
      this.#keep(dir, file, fd)
      return this.#content(fd)
    } catch (error) {
      if (isGone(error) || (error as NodeJS.ErrnoException).code === 'EOPNOTSUPP') {
        if (known !== undefined) this.#drop(dir, file, known)
        return null
      }
      throw error
    }
  }

  /** Closes what is open in a folder. */
  forget(dir: string): void {
    const files = this.#open.get(dir)
    if (!files) return
    this.#open.delete(dir)
    this.#count -= files.size
    for (const fd of files.values()) closeSync(fd)
  }

  /** Folders with open files. */
  get folders(): string[] {
    return [...this.#open.keys()]
  }

  #keep(dir: string, file: string, fd: number): void {
    const files = this.#open.get(dir) ?? new Map<string, number>()
    files.set(file, fd)
    this.#open.set(dir, files)
    this.#count++
  }

  #drop(dir: string, file: string, fd: number): void {
    this.#open.get(dir)?.delete(file)
    this.#count--
    closeSync(fd)
  }

  #content(fd: number): string {
    let length = readSync(fd, this.#buffer, 0, this.#buffer.length, 0)
    while (length === this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafe(this.#buffer.length * 2)
      length = readSync(fd, this.#buffer, 0, this.#buffer.length, 0)
    }
    return this.#buffer.toString('latin1', 0, length)
  }
}
