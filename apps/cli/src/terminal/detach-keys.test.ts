import { describe, expect, it } from 'vitest'
import { detachWatcher, parseDetachKeys } from './detach-keys.ts'

const ctrlP = 16
const ctrlQ = 17

describe('detach keys', () => {
  it('reads control keys and characters', () => {
    expect(parseDetachKeys('ctrl-p,ctrl-q')).toEqual([ctrlP, ctrlQ])
    expect(parseDetachKeys('a,ctrl-[')).toEqual([97, 27])
    expect(parseDetachKeys('')).toEqual([])
    expect(() => parseDetachKeys('alt-x')).toThrow('alt-x is neither')
  })

  it('detaches on the sequence even when it comes byte by byte, and sends nothing of it', () => {
    const watcher = detachWatcher([ctrlP, ctrlQ])
    expect(watcher.feed(Uint8Array.of(97, ctrlP))).toEqual({ send: Uint8Array.of(97), detached: false })
    expect(watcher.feed(Uint8Array.of(ctrlQ))).toEqual({ send: new Uint8Array(), detached: true })
  })

  it('sends a beginning on when something else follows', () => {
    const watcher = detachWatcher([ctrlP, ctrlQ])
    expect(watcher.feed(Uint8Array.of(ctrlP)).send).toEqual(new Uint8Array())
    expect(watcher.feed(Uint8Array.of(98)).send).toEqual(Uint8Array.of(ctrlP, 98))
    expect(watcher.feed(Uint8Array.of(ctrlP, ctrlP, ctrlQ))).toEqual({ send: Uint8Array.of(ctrlP), detached: true })
  })
})
