import { GantryError } from '@gantry/contracts'

/** `ctrl-p,ctrl-q` or single characters, separated by commas: the bytes they send. '' means there is no way to detach. */
export function parseDetachKeys(text: string): number[] {
  if (text === '') return []
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)
    if (control?.[1]) return control[1].toUpperCase().charCodeAt(0) & 0x1f
    if (key.length === 1) return key.charCodeAt(0)
    throw new GantryError('invalid_input', `--detach-keys: ${key} is neither a character nor ctrl-<letter>`, { field: '--detach-keys' })
  })
}

/**
 * Watches typed bytes for the detach sequence. `feed` returns what is to be sent on: bytes that may begin the sequence are
 * held back until the next byte decides.
 */
export function detachWatcher(keys: readonly number[]): { feed(bytes: Uint8Array): { send: Uint8Array; detached: boolean } } {
  let matched = 0
  return {
    feed(bytes) {
      if (keys.length === 0) return { send: bytes, detached: false }
      const send: number[] = []
      for (const byte of bytes) {
        if (byte !== keys[matched]) {
          send.push(...keys.slice(0, matched))
          matched = 0
        }
        if (byte !== keys[matched]) {
          send.push(byte)
          continue
        }
        matched++
        if (matched === keys.length) return { send: Uint8Array.from(send), detached: true }
      }
      return { send: Uint8Array.from(send), detached: false }
    },
  }
}
