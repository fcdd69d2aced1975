import { networkSpecSchema } from '@gantry/contracts'
import { describe, expect, it } from 'vitest'
import { parseSubnet } from './address.ts'
import { completeSpec } from './network-spec.ts'

const spec = (more: object) => networkSpecSchema.parse({ name: 'n', ...more })
const taken = [{ subnet: parseSubnet('172.18.0.0/16'), holder: 'a route of this host' }]

describe('completeSpec', () => {
  it('picks free subnets and their first address as gateway', () => {
    expect(completeSpec(spec({}), taken, '0000').ipam).toEqual([{ subnet: '172.19.0.0/22', gateway: '172.19.0.1', auxAddresses: {} }])
    expect(completeSpec(spec({ ipv6: true }), taken, '0000').ipam.map(({ subnet }) => subnet)).toEqual([
      '172.19.0.0/22',
      'fd67:0:6e74::/64',
    ])
  })
  it('keeps what was asked for', () => {
    const ipam = [{ subnet: '10.5.0.0/16', gateway: '10.5.9.9', ipRange: '10.5.4.0/24', auxAddresses: { printer: '10.5.0.9' } }]
    expect(completeSpec(spec({ ipam }), taken, 'ab12').ipam).toEqual(ipam)
    expect(completeSpec(spec({ ipam: [{ subnet: 'fd00::/64' }] }), taken, 'ab12')).toMatchObject({
      ipv6: true,
      ipam: [{ subnet: 'fd00::/64', gateway: 'fd00::1' }],
    })
  })
  it('lets a macvlan network have several subnets, and one that the host has a route to', () => {
    const ipam = [{ subnet: '172.18.0.0/24' }, { subnet: '172.18.1.0/24' }]
    const { internal, ...macvlan } = completeSpec(spec({ driver: 'macvlan', ipam, options: { parent: 'lan0' } }), taken, 'ab12')
    expect(macvlan.ipam.map(({ gateway }) => gateway)).toEqual(['172.18.0.1', '172.18.1.1'])
    expect(internal).toBe(false)
    expect(completeSpec(spec({ driver: 'ipvlan' }), taken, 'ab12').internal).toBe(true)
  })
  it('lets options set what they are about', () => {
    const options = { 'com.docker.network.bridge.enable_ip_masquerade': 'false', 'com.docker.network.driver.mtu': '9000', unknown: 'x' }
    expect(completeSpec(spec({ options }), taken, 'ab12')).toMatchObject({ masquerade: false, mtu: 9000, icc: true, options })
  })
  it.each([
    ['two subnets of one family', [{ subnet: '10.1.0.0/16' }, { subnet: '10.2.0.0/16' }], 'invalid_input'],
    ['a gateway outside', [{ subnet: '10.1.0.0/16', gateway: '10.2.0.1' }], 'invalid_input'],
    ['the broadcast address as gateway', [{ subnet: '10.1.0.0/24', gateway: '10.1.0.255' }], 'invalid_input'],
    ['a range outside', [{ subnet: '10.1.0.0/24', ipRange: '10.1.1.0/25' }], 'invalid_input'],
    ['a range larger than the subnet', [{ subnet: '10.1.0.0/24', ipRange: '10.1.0.0/16' }], 'invalid_input'],
    ['no room for a container', [{ subnet: '10.1.0.0/32' }], 'invalid_input'],
    ['loopback', [{ subnet: '127.0.0.0/16' }], 'invalid_input'],
    ['a subnet in use', [{ subnet: '172.18.4.0/24' }], 'already_exists'],
  ])('refuses %s', (_, ipam, code) => {
    expect(() => completeSpec(spec({ ipam }), taken, 'ab12')).toThrow(expect.objectContaining({ code }))
  })
})
