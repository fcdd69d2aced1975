import { describe, expect, it } from 'vitest'
import { Zone } from './zone.ts'

const zone = () => {
  const made = new Zone()
  made.add({ containerId: 'web', networkId: 'front', names: ['web', 'www'], addresses: ['10.0.0.2'] })
  made.add({ containerId: 'web', networkId: 'back', names: ['web'], addresses: ['10.0.1.2', 'fd00::2'] })
  made.add({ containerId: 'db', networkId: 'back', names: ['db', 'www'], addresses: ['10.0.1.3'] })
  made.add({ containerId: 'other', networkId: 'elsewhere', names: ['db'], addresses: ['10.0.2.2'] })
  return made
}
const asker = (subject: Zone, address: string) => subject.asker(address) ?? { containerId: '', networkIds: new Set<string>() }

describe('Zone', () => {
  it('answers from the networks of the asker only', () => {
    const subject = zone()
    expect(subject.lookup(asker(subject, '10.0.0.2'), 'DB.')).toEqual(['10.0.1.3'])
    expect(subject.lookup(asker(subject, '10.0.2.2'), 'db')).toEqual(['10.0.2.2'])
    expect(subject.lookup(asker(subject, '10.0.2.2'), 'web')).toBeNull()
    expect(subject.lookup(asker(subject, '10.0.1.3'), 'web')).toEqual(['10.0.1.2', 'fd00::2'])
  })
  it('gives all containers with an alias', () => {
    const subject = zone()
    expect(subject.lookup(asker(subject, '10.0.0.2'), 'www')?.sort()).toEqual(['10.0.0.2', '10.0.1.3'])
  })
  it("names addresses of the asker's networks only", () => {
    const subject = zone()
    expect(subject.reverse(asker(subject, '10.0.1.3'), '10.0.1.2')).toBe('web')
    expect(subject.reverse(asker(subject, '10.0.1.3'), '10.0.0.2')).toBeNull()
  })
  it('knows no strangers', () => {
    expect(zone().asker('10.0.9.9')).toBeNull()
  })
  it('forgets one network or the whole container', () => {
    const subject = zone()
    subject.remove('web', 'back')
    expect(subject.asker('10.0.1.2')).toBeNull()
    expect(subject.asker('10.0.0.2')?.networkIds).toEqual(new Set(['front']))
    for (const id of ['web', 'db', 'other']) subject.remove(id)
    expect(subject.size).toBe(0)
    expect(subject.asker('10.0.2.2')).toBeNull()
  })
})
