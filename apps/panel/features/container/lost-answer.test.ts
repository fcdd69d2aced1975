import { describe, expect, it } from 'vitest'
import { hasEffect, isLostAnswer, lookFor, madeSince } from './lost-answer.ts'

describe('an answer that was lost', () => {
  it('is told from a refusal', () => {
    expect(isLostAnswer(new TypeError('Failed to fetch'))).toBe(true)
    expect(isLostAnswer(Object.assign(new Error('no'), { data: { gantry: { code: 'wrong_state', message: 'no' } } }))).toBe(false)
  })
  it('was for a verb that took effect, or not', () => {
    expect(hasEffect('start', 'running')).toBe(true)
    expect(hasEffect('start', 'created')).toBe(false)
    expect(hasEffect('remove', 'gone')).toBe(true)
    expect(hasEffect('pause', 'running')).toBe(false)
  })
  it('was for a create: only something new of that name or image counts', () => {
    const at = Date.parse('2026-01-01T00:00:10Z')
    const old = { id: '1', name: 'web', image: 'busybox:latest', createdAt: '2026-01-01T00:00:00Z' }
    const made = { id: '2', name: 'cosy_plover', image: 'busybox:latest', createdAt: '2026-01-01T00:00:11Z' }
    expect(madeSince([old, made], { image: 'busybox' }, at)?.id).toBe('2')
    expect(madeSince([old, made], { name: 'web', image: 'busybox' }, at)).toBeUndefined()
    expect(madeSince([old, made], { image: 'nginx' }, at)).toBeUndefined()
  })
})

describe('lookFor', () => {
  const now = async () => undefined
  it('goes on over a line that is still down and a thing that is not there yet', async () => {
    const answers = [() => Promise.reject(new TypeError('Failed to fetch')), async () => undefined, async () => 'there']
    expect(await lookFor(() => (answers.shift() as () => Promise<string | undefined>)(), now)).toBe('there')
  })
  it('ends without it, and passes refusals on', async () => {
    expect(await lookFor(async () => undefined, now)).toBeUndefined()
    const refusal = Object.assign(new Error('no'), { data: { gantry: { code: 'forbidden', message: 'no' } } })
    await expect(lookFor(() => Promise.reject(refusal), now)).rejects.toBe(refusal)
  })
})
