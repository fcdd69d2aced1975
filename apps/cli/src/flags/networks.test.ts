import { describe, expect, it } from 'vitest'
import { type NetworkFlags, parseNetworks } from './networks.ts'

const parse = (flags: Partial<NetworkFlags>) => parseNetworks({ network: [], networkAlias: [], link: [], linkLocalIp: [], ...flags })

describe('--network', () => {
  it('leaves the default network unsaid', () => {
    for (const network of [[], ['bridge'], ['default']]) expect(parse({ network })).toEqual({ networkMode: 'bridge', endpoints: [] })
    expect(parse({ network: ['none'] })).toEqual({ networkMode: 'none', endpoints: [] })
  })
  it('reads fields, and gives what has a flag of its own to the first', () => {
    const long = 'name=b,alias=x,alias=y,ip=10.0.0.2,gw-priority=7,mac-address=02:00:00:00:00:01,link-local-ip=169.254.1.1,driver-opt=a=b=c'
    expect(parse({ network: ['a', long], ip: '10.1.0.2', link: ['db:store'], networkAlias: ['n'] })).toEqual({
      networkMode: 'bridge',
      endpoints: [
        { network: 'a', aliases: ['n'], ipv4Address: '10.1.0.2', links: [{ container: 'db', alias: 'store' }] },
        {
          network: 'b',
          aliases: ['n', 'x', 'y'],
          ipv4Address: '10.0.0.2',
          priority: 7,
          macAddress: '02:00:00:00:00:01',
          linkLocalAddresses: ['169.254.1.1'],
          driverOptions: { a: 'b=c' },
        },
      ],
    })
    expect(parse({ link: ['db'] }).endpoints).toEqual([{ network: 'bridge', aliases: [], links: [{ container: 'db', alias: 'db' }] }])
  })
  it.each([
    [{ network: ['host', 'a'] }, 'cannot be combined'],
    [{ network: ['name=a,colour=red'] }, 'unknown field colour'],
    [{ network: ['name=a,driver-opt=x'] }, 'is not key=value'],
    [{ link: ['a:b:c'] }, 'is not container'],
  ])('refuses %j', (flags, why) => {
    expect(() => parse(flags)).toThrow(why)
  })
})
