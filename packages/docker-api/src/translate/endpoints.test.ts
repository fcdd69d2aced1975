import type { Endpoint } from '@gantry/contracts'
import { describe, expect, test } from 'vitest'
import { toNetworks } from './endpoints.ts'

const container = { id: 'c0ffee'.padEnd(64, '0'), name: 'web', hostname: 'www' }
const endpoint: Endpoint = {
  network: 'front',
  networkId: 'ab'.repeat(32),
  aliases: ['site'],
  macAddress: '02:67:ac:1b:28:03',
  ipv4Address: '10.1.0.3',
  ipv4PrefixLength: 24,
  ipv4Gateway: '10.1.0.1',
  ipv6Address: '',
  ipv6PrefixLength: 0,
  ipv6Gateway: '',
}

describe('NetworkSettings.Networks', () => {
  test('has every name a container is known by, each once, and none on the default network', () => {
    const onDefault = { ...endpoint, network: 'bridge', aliases: [] }
    expect(toNetworks([endpoint, onDefault], { networkMode: 'bridge', asked: [], container })).toMatchObject({
      front: { Aliases: ['site'], DNSNames: ['web', 'site', 'c0ffee000000', 'www'], IPAddress: '10.1.0.3' },
      bridge: { Aliases: null, DNSNames: null },
    })
    const plain = { ...container, hostname: 'c0ffee000000' }
    expect(toNetworks([endpoint], { networkMode: 'bridge', asked: [], container: plain })).toMatchObject({
      front: { DNSNames: ['web', 'site', 'c0ffee000000'] },
    })
  })

  test('tells asked addresses from given ones', () => {
    const networkMode = 'bridge'
    expect(toNetworks([endpoint], { networkMode, asked: [{ network: 'front', ipv4Address: '10.1.0.3' }] })).toMatchObject({
      front: { IPAMConfig: { IPv4Address: '10.1.0.3' } },
    })
    expect(toNetworks([endpoint], { networkMode, asked: [{ network: 'front' }] })).toMatchObject({ front: { IPAMConfig: null } })
  })

  test('shows what a container that does not run asked for, without addresses', () => {
    expect(
      toNetworks([], { networkMode: 'bridge', asked: [{ network: 'front', aliases: ['site'], ipv4Address: '10.1.0.9' }] }),
    ).toMatchObject({
      front: { IPAMConfig: { IPv4Address: '10.1.0.9' }, Aliases: ['site'], IPAddress: '', EndpointID: '' },
    })
    expect(Object.keys(toNetworks([], { networkMode: 'none', asked: [] }))).toEqual(['none'])
    expect(toNetworks([], { networkMode: 'container:x', asked: [] })).toEqual({})
  })
})
