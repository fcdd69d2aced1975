import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addressHex,
  contains,
  formatAddress,
  formatSubnet,
  linkLocalOf,
  overlaps,
  parseAddress,
  parseReverseName,
  parseSubnet,
} from './address.ts'

describe('addresses', () => {
  it('survive a trip through text', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(formatAddress(parseAddress(text))).toBe(text)
      }),
    )
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseAddress(text)
        expect(parseAddress(formatAddress(address))).toEqual(address)
        expect(new URL(`http://[${text}]`).hostname).toBe(`[${formatAddress(address)}]`)
      }),
    )
  })
  it.each(['', '1.2.3', '1.2.3.256', '1.2.3.4.5', '1:2', ':::', '1::2::3', 'g::', '::12345', '1.2.3.x'])('refuse %j', (text) => {
    expect(() => parseAddress(text)).toThrow(RangeError)
  })
  it('have network byte order in sets', () => {
    expect(addressHex(parseAddress('10.1.2.3'))).toBe('0a010203')
    expect(addressHex(parseAddress('fe80::1'))).toBe(`fe80${'0'.repeat(27)}1`)
  })
  it('make the link-local address of a MAC address', () => {
    expect(formatAddress(linkLocalOf('02:42:ac:11:00:02'))).toBe('fe80::42:acff:fe11:2')
  })
  it('are found in reverse names', () => {
    expect(parseReverseName('3.2.1.10.in-addr.arpa')).toEqual(parseAddress('10.1.2.3'))
    expect(parseReverseName(`1.${'0.'.repeat(27)}0.8.e.f.ip6.arpa`)).toEqual(parseAddress('fe80::1'))
    expect(parseReverseName('1.2.3.in-addr.arpa')).toBeNull()
    expect(parseReverseName('example.com')).toBeNull()
  })
})

describe('subnets', () => {
  it('drop host bits', () => {
    expect(formatSubnet(parseSubnet('10.1.2.3/16'))).toBe('10.1.0.0/16')
    expect(formatSubnet(parseSubnet('fd00::5/64'))).toBe('fd00::/64')
    expect(() => parseSubnet('10.0.0.0/33')).toThrow(RangeError)
  })
  it('overlap exactly when one holds an end of the other', () => {
    const subnet = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, length]) => parseSubnet(`${ip}/${length}`))
    fc.assert(
      fc.property(subnet, subnet, (a, b) => {
        const holds = contains(a, { family: 4, value: b.base }) || contains(b, { family: 4, value: a.base })
        expect(overlaps(a, b)).toBe(holds)
        expect(overlaps(b, a)).toBe(holds)
      }),
    )
  })
})
