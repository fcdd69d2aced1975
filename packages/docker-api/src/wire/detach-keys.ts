import { GantryError } from '@gantry/contracts'

const fallback = 'ctrl-p,ctrl-q'

/** `ctrl-p,ctrl-q` or single characters, separated by commas: the bytes they send. */
function parseDetachKeys(text: string): number[] {
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)
    if (control?.[1]) return control[1].toUpperCase().charCodeAt(0) & 0x1f
    if (key.length === 1) return key.charCodeAt(0)
    throw new GantryError('invalid_input', `Invalid detach keys provided: ${key} is neither a character nor ctrl-<letter>`, {
      field: 'detachKeys',
    })
  })
}

/** Looks for the detach sequence in what is typed. Bytes that may begin it are held back until the next one decides. */
export class DetachKeys {
  readonly #keys: readonly number[]
  #matched = 0

  constructor(text: string | undefined) {
    this.#keys = parseDetachKeys(text || fallback)
  }

  /** What is to be sent on of these bytes, and whether the sequence is complete. */
  take(bytes: Uint8Array): { send: Uint8Array; detached: boolean } {
    // Pastes are long and hold no control bytes most of the time.
    if (this.#matched === 0 && !bytes.includes(this.#keys[0] ?? -1)) return { send: bytes, detached: false }
    const send: number[] = []
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched]) {
        send.push(...this.#keys.slice(0, this.#matched))
        this.#matched = 0
      }
      if (byte !== this.#keys[this.#matched]) {
        send.push(byte)
        continue
      }
      this.#matched++
      if (this.#matched === this.#keys.length) return { send: Uint8Array.from(send), detached: true }
    }
    return { send: Uint8Array.from(send), detached: false }
  }
}
