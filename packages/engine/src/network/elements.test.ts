import { describe, expect, it } from 'vitest'
import { parseAddress, parseSubnet } from './address.ts'
import { elementOps, guardElements, networkElements, publishElement } from './elements.ts'

// The keys below are what `nft --debug=netlink` of nftables 1.0.6 sends for the same elements.
describe('elements', () => {
  it('has published ports as nft encodes them', () => {
    const any = publishElement({ host: null, protocol: 'tcp', hostPort: 8080, target: parseAddress('10.1.2.3'), targetPort: 80 })
    expect(any).toEqual({ family: 'inet', set: 'publish4_any', key: '060000001f900000', data: '0a01020300500000' })
    const one = publishElement({
      host: parseAddress('fd00::1'),
      protocol: 'udp',
      hostPort: 53,
      target: parseAddress('fd00::2'),
      targetPort: 53,
    })
    expect(one.set).toBe('publish6')
    expect(one.key).toBe(`fd00${'0'.repeat(27)}1${'11000000'}00350000`)
  })
  it('has guards as nft encodes them', () => {
    const [guard] = guardElements('gvzzzz123456', '02:42:0A:01:02:03', [parseAddress('10.1.2.3')])
    expect(guard?.key).toBe('67767a7a7a7a31323334353600000000' + '02420a0102030000' + '0a010203')
    expect(guard?.set).toBe('guard4')
  })
  it('guards the link-local address with IPv6 only', () => {
    const sets = (addresses: string[]) => guardElements('gv', '02:42:0a:01:02:03', addresses.map(parseAddress)).map(({ set }) => set)
    expect(sets(['10.1.2.3'])).toEqual(['guard4'])
    expect(sets(['10.1.2.3', 'fd00::3'])).toEqual(['guard4', 'guard6', 'claim6', 'guard6', 'claim6'])
  })
  it('has subnets as intervals, open at the end of the family', () => {
    const elements = networkElements({
      bridge: 'gb',
      subnets: [parseSubnet('10.0.0.0/8'), parseSubnet('ff00::/8')],
      gateways: [parseAddress('10.0.0.1')],
      isNamed: false,
      modes: { 4: 'nat', 6: 'nat' },
      icc: false,
      internal: true,
      masquerade: true,
    })
    expect(elements.map(({ set, key, end }) => [set, key.slice(0, 8), end ?? false])).toEqual([
      ['internal', '67620000', false],
      ['gateways4', '0a000001', false],
      ['subnets4', '0a000000', false],
      ['subnets4', '0b000000', true],
      ['subnets6', 'ff000000', false],
    ])
  })
  it('sends all changes in one operation', () => {
    const elements = networkElements({
      bridge: 'gb',
      subnets: [parseSubnet('10.0.0.0/8')],
      gateways: [],
      isNamed: false,
      modes: { 4: 'nat', 6: 'nat' },
      icc: true,
      internal: false,
      masquerade: true,
    })
    expect(elementOps('t', '-', elements)).toHaveLength(1)
    expect(elementOps('t', '-', elements)[0]?.filter((_, index) => index % 6 === 1)).toEqual(['-', '-', '-end', '-', '-end'])
    expect(elementOps('t', '+', [])).toEqual([])
  })
})
