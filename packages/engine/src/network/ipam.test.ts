import { GantryError } from '@gantry/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress, formatSubnet, overlaps, parseAddress, parseSubnet, type Subnet } from './address.ts'
import { AddressPool, chooseSubnet, usableRange } from './ipam.ts'

const pool = (subnet: string, gateway: string, range?: string) =>
  new AddressPool({ subnet: parseSubnet(subnet), gateway: parseAddress(gateway), ...(range ? { range: parseSubnet(range) } : {}) })

describe('AddressPool', () => {
  it('gives every address once and then says that none is left', () => {
    const small = pool('10.0.0.0/29', '10.0.0.1')
    const given = Array.from({ length: 5 }, () => formatAddress(small.allocate()))
    expect(given).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    expect(() => small.allocate()).toThrow(expect.objectContaining({ code: 'no_space' }))
    small.release(parseAddress('10.0.0.4'))
    expect(formatAddress(small.allocate())).toBe('10.0.0.4')
  })
  it('lets an address rest before it is given again', () => {
    const small = pool('10.0.0.0/29', '10.0.0.1')
    small.release(small.allocate())
    expect(formatAddress(small.allocate())).toBe('10.0.0.3')
  })
  it('keeps automatic addresses inside the range and static ones inside the subnet', () => {
    const ranged = pool('10.0.0.0/24', '10.0.0.1', '10.0.0.128/30')
    expect(formatAddress(ranged.allocate())).toBe('10.0.0.128')
    ranged.reserve(parseAddress('10.0.0.9'))
    expect(() => ranged.reserve(parseAddress('10.0.0.9'))).toThrow(expect.objectContaining({ code: 'already_exists' }))
    for (const outside of ['10.0.1.1', '10.0.0.0', '10.0.0.255', 'fd00::1'])
      expect(() => ranged.reserve(parseAddress(outside))).toThrow(expect.objectContaining({ code: 'invalid_input' }))
  })
  it('never gives away the gateway, nor an address twice, whatever is taken and given back', () => {
    const step = fc.oneof(fc.constant('allocate' as const), fc.nat({ max: 13 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const subject = pool('10.0.0.0/28', '10.0.0.5')
        const held = new Set<string>()
        for (const what of steps) {
          if (what === 'allocate') {
            if (held.size === 13) {
              expect(() => subject.allocate()).toThrow(GantryError)
              continue
            }
            const text = formatAddress(subject.allocate())
            expect(held.has(text)).toBe(false)
            expect(text).not.toBe('10.0.0.5')
            held.add(text)
          } else {
            const text = formatAddress({ family: 4, value: parseAddress('10.0.0.1').value + BigInt(what) })
            subject.release(parseAddress(text))
            held.delete(text)
          }
        }
      }),
    )
  })
})

describe('usableRange', () => {
  it.each([
    ['10.0.0.0/24', '10.0.0.1', '10.0.0.254'],
    ['10.0.0.0/31', '10.0.0.0', '10.0.0.1'],
    ['10.0.0.7/32', '10.0.0.7', '10.0.0.7'],
    ['fd00::/126', 'fd00::1', 'fd00::3'],
  ])('%s is %s to %s', (subnet, first, last) => {
    expect(usableRange(parseSubnet(subnet))).toEqual({ first: parseAddress(first).value, last: parseAddress(last).value })
  })
})

describe('chooseSubnet', () => {
  it('avoids what is taken, but not the default route', () => {
    const taken = ['0.0.0.0/0', '172.18.0.0/16', '172.19.0.0/22'].map(parseSubnet)
    expect(formatSubnet(chooseSubnet(4, taken, '0000'))).toBe('172.19.4.0/22')
  })
  it('gives networks that do not overlap', () => {
    const chosen: Subnet[] = []
    for (let i = 0; i < 150; i++) {
      const next = chooseSubnet(4, chosen, 'ab12')
      expect(chosen.some((other) => overlaps(other, next))).toBe(false)
      chosen.push(next)
    }
  })
  it('begins at another place for each instance, and comes round', () => {
    expect(formatSubnet(chooseSubnet(4, [], '037f'))).toBe('172.31.252.0/22')
    expect(formatSubnet(chooseSubnet(4, [parseSubnet('172.31.252.0/22')], '037f'))).toBe('172.18.0.0/22')
  })
  it('puts IPv6 into a unique local prefix of the instance', () => {
    expect(formatSubnet(chooseSubnet(6, [], 'ab12'))).toBe('fd67:ab12:6e74::/64')
  })
})
