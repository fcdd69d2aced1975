import { describe, expect, it } from 'vitest'
import { toLink } from './connect-network.ts'
import { toMoment } from './until.ts'

describe('until', () => {
  const now = Date.parse('2026-01-02T00:00:00Z')
  it.each([
    ['24h', '2026-01-01T00:00:00.000Z'],
    ['1h30m', '2026-01-01T22:30:00.000Z'],
    ['1767225600', '2026-01-01T00:00:00.000Z'],
    ['2025-12-31T23:00:00-01:00', '2026-01-01T00:00:00.000Z'],
  ])('%s is a moment', (text, moment) => expect(toMoment(text, now)).toBe(moment))
  it.each(['soon', '1d', ''])('%j is none', (text) => expect(() => toMoment(text, now)).toThrow('invalid value for "until"'))
})

describe('links', () => {
  it('are read as asked for and as told', () => {
    expect(toLink('db:store')).toEqual({ container: 'db', alias: 'store' })
    expect(toLink('db')).toEqual({ container: 'db', alias: 'db' })
    expect(toLink('/db:/web/store')).toEqual({ container: 'db', alias: 'store' })
    expect(() => toLink(':x')).toThrow('bad format for links')
  })
})
