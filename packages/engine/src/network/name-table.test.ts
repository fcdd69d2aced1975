import { expect, it } from 'vitest'
import { parseSubnet } from './address.ts'
import { clientWords, hostWords, leaveWords, placeWords, subnetWords } from './name-table.ts'

const networkId = '0123456789abcdef'

it('a place has every name alone and with the network behind it, in lower case and once', () => {
  const words = placeWords({
    containerId: 'c',
    networkId,
    network: 'Back',
    names: ['Web', 'db', 'web'],
    addresses: ['10.0.0.2', 'fd00::2'],
  })
  expect(words).toEqual(['place', 'c', '0123456789ab', 'Web.Back', '10.0.0.2,fd00::2', 'web,db,web.back,db.back'])
  expect(leaveWords('c', networkId)).toEqual(['leave', 'c', '0123456789ab'])
})

it('nothing that is not a name gets between the words', () => {
  const words = placeWords({ containerId: 'c', networkId, network: 'n', names: ['a b', 'x,y', 'z\nend'], addresses: [] })
  expect(words).toEqual(['place', 'c', '0123456789ab', 'c', '-', '-'])
})

it('a client has servers or the host’s, its own names, and sockets', () => {
  const client = { containerId: 'c', servers: ['10.0.0.9', 'fe80::1%eth0', 'nonsense'], links: [], door: '' }
  expect(clientWords(client)).toEqual(['client', 'c', '10.0.0.9', '-', '-'])
  const links: [string, string, string][] = [
    [networkId, 'DB', 'Postgres'],
    [networkId, 'other', 'f'.repeat(64)],
  ]
  expect(clientWords({ ...client, servers: 'host', links, door: 'warm-1' })).toEqual([
    'client',
    'c',
    'host',
    `0123456789ab/db/postgres,0123456789ab/other/${'f'.repeat(12)}`,
    'warm-1',
  ])
  expect(clientWords({ ...client, servers: [] })[2]).toBe('-')
})

it('the host’s servers and the subnets are lists', () => {
  expect(hostWords(['127.0.0.53', '::1'])).toEqual(['host', '127.0.0.53,::1'])
  expect(subnetWords([parseSubnet('10.0.0.0/24')])).toEqual(['subnets', '10.0.0.0/24'])
})
