import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'

/** `remove-volumes` is a remove that takes the anonymous volumes along. */
export type JournalVerb = 'create' | 'start' | 'commit' | 'remove' | 'remove-volumes'
export interface OpenEntry {
  readonly verb: JournalVerb
  readonly containerId: string
}

/** When nothing is open, a journal longer than this starts over. */
const rotateBytes = 1024 * 1024

/**
 * Which verbs have begun and not ended: one line when a verb begins, one when it has been completed or undone. What a crash of the
 * agent leaves open, recovery completes or undoes. Lines are not flushed to the disk one by one: a crash of the agent loses none,
 * and after a power loss nothing of what the verbs made in the kernel is left; what they made on disk carries the container's id
 * and is found by comparison.
 */
export class Journal {
  readonly #fd: number
  readonly #open = new Map<number, OpenEntry>()
  #next = 1
  #bytes = 0

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Opens the journal and returns it emptied, with the entries that an earlier agent left open, oldest first. */
  static open(path: string): { journal: Journal; unfinished: OpenEntry[] } {
    const fd = openSync(path, 'a+', 0o600)
    const unfinished = readOpenEntries(readFileSync(path, 'utf8'))
    ftruncateSync(fd, 0)
    const journal = new Journal(fd)
    // Recovery may be killed too: what it has to do stays written until it says it is done.
    for (const entry of unfinished) journal.begin(entry.verb, entry.containerId)
    return { journal, unfinished }
  }

  /** Writes the intent and returns its number. */
  begin(verb: JournalVerb, containerId: string): number {
    const number = this.#next++
    this.#open.set(number, { verb, containerId })
    this.#write(`+ ${number} ${verb} ${containerId}\n`)
    return number
  }

  end(number: number): void {
    if (!this.#open.delete(number)) return
    if (this.#open.size === 0 && this.#bytes > rotateBytes) {
      ftruncateSync(this.#fd, 0)
      this.#bytes = 0
    } else this.#write(`- ${number}\n`)
  }

  /** Recovery has dealt with everything that was open when the journal was opened. */
  endAll(): void {
    for (const number of [...this.#open.keys()]) this.end(number)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #write(line: string): void {
    this.#bytes += writeSync(this.#fd, line)
  }
}

/** Entries without an end. A torn last line is one that had not begun. */
export function readOpenEntries(text: string): OpenEntry[] {
  const open = new Map<string, OpenEntry>()
  for (const line of text.split('\n').slice(0, -1)) {
    const [sign, number, verb, containerId] = line.split(' ')
    if (sign === '+' && number && containerId) open.set(number, { verb: verb as JournalVerb, containerId })
    else if (sign === '-' && number) open.delete(number)
  }
  return [...open.values()]
}
