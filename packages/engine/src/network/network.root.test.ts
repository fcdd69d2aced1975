import { readFileSync } from 'node:fs'
import { containerSpecSchema, networkSpecSchema } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatResolvConf, parseResolvConf } from './container-files.ts'
import { type LabContainer, NetworkLab } from './lab/network-lab.ts'

let lab: NetworkLab
let outside: Awaited<ReturnType<NetworkLab['outside']>>
let one: LabContainer
let two: LabContainer
const blockedMs = 800

beforeAll(async () => {
  lab = await NetworkLab.open()
  outside = await lab.outside()
  one = await lab.start('one')
  two = await lab.start('two', {
    ports: [
      { containerPort: 80, hostPort: 28080 },
      { containerPort: 53, protocol: 'udp', hostPort: 28053 },
    ],
  })
  await lab.serve(one, 'tcp', 80)
  await lab.serve(two, 'tcp', 80)
  await lab.serve(two, 'udp', 53)
  await lab.serve(outside.pid, 'tcp', 7000)
})
afterAll(() => lab.close())

describe('the default network', () => {
  it('lets containers of a project reach each other', async () => {
    expect(await lab.pings(one, two.address)).toBe(true)
    expect(await lab.ask(one, 'tcp', two.address, 80)).toBe(one.address)
    expect(await lab.ask(two, 'udp', two.address, 53)).toBe(two.address)
  })
  it('hides containers behind the host towards the outside', async () => {
    expect(await lab.ask(one, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
  })
  it('keeps projects apart, in both directions', async () => {
    const other = await lab.start('other', {}, 'elsewhere')
    await lab.serve(other, 'tcp', 80)
    expect(await lab.ask(one, 'tcp', other.address, 80, blockedMs)).toBe('timeout')
    expect(await lab.ask(other, 'tcp', one.address, 80, blockedMs)).toBe('timeout')
    expect(await lab.pings(other, one.address)).toBe(false)
    await lab.stop(other)
  })
  it('keeps containers from services of the host', async () => {
    const gateway = one.sandbox.endpoints[0]?.ipv4Gateway ?? ''
    await lab.serve(process.pid, 'tcp', 28999)
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28999)).toBe('127.0.0.1')
    expect(await lab.pings(one, gateway)).toBe(true)
    expect(await lab.pings(one, outside.hostAddress)).toBe(false)
    for (const address of [gateway, outside.hostAddress]) expect(await lab.ask(one, 'tcp', address, 28999, blockedMs)).toBe('timeout')
  })
  it('cannot be entered from outside by a route', async () => {
    expect(await lab.ask(outside.pid, 'tcp', one.address, 80, blockedMs)).toBe('timeout')
  })
  it('gives low ports and ping without privileges', async () => {
    expect(
      (await lab.run(one, ['cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start', '/proc/sys/net/ipv4/ping_group_range'])).output,
    ).toBe('0\n0\t2147483647')
  })
})

describe('the warm pool', () => {
  it('gives plain containers a ready sandbox, and special ones their own', async () => {
    await lab.network.settled()
    const plain = await lab.start('plain')
    expect(plain.sandbox.namespaceOps).toEqual([['sandbox', expect.stringMatching(/^warm-/)]])
    const special = await lab.start('special', { endpoints: [{ network: 'bridge', macAddress: '02:aa:00:00:00:07' }] })
    expect(special.sandbox.namespaceOps).toEqual([['sandbox', expect.stringMatching(/^cold-/)]])
    expect(await lab.pings(plain, special.address)).toBe(true)
    for (const container of [plain, special]) await lab.stop(container)
  })
  it('is emptied when a ready sandbox turns out to be gone with its launcher', async () => {
    await lab.network.settled()
    const request = { containerName: 'lost', projectId: 'lab', idBase: lab.idBase, spec: containerSpecSchema.parse({ image: 'none' }) }
    const taken = await lab.network.acquire({ ...request, containerId: 'a'.repeat(64) })
    expect(taken.namespaceOps[0]?.[1]).toMatch(/^warm-/)
    await lab.network.release('a'.repeat(64))
    const next = await lab.network.acquire({ ...request, containerId: 'b'.repeat(64) })
    expect(next.namespaceOps[0]?.[1]).toMatch(/^cold-/)
    await lab.network.release('b'.repeat(64))
  })
})

describe('published ports', () => {
  it("are reached from outside, with the client's address kept", async () => {
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28080)).toBe(outside.address)
    expect(await lab.ask(outside.pid, 'udp', outside.hostAddress, 28053)).toBe(outside.address)
  })
  it('are reached from the host by loopback and by its own addresses', async () => {
    const gateway = two.sandbox.endpoints[0]?.ipv4Gateway
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28080)).toBe(gateway)
    expect(await lab.ask(null, 'udp', '127.0.0.1', 28053)).toBe(gateway)
    expect(await lab.ask(null, 'tcp', '::1', 28080)).toBe(gateway)
    expect(await lab.ask(null, 'tcp', outside.hostAddress, 28080)).toMatch(/^\d/)
  })
  it('are reached by the container itself, its neighbours and other networks (hairpin)', async () => {
    const other = await lab.start('other', {}, 'elsewhere')
    const gateway = two.sandbox.endpoints[0]?.ipv4Gateway
    for (const from of [two, one, other]) {
      expect(await lab.ask(from, 'tcp', outside.hostAddress, 28080)).toBe(gateway)
      expect(await lab.ask(from, 'udp', outside.hostAddress, 28053)).toBe(gateway)
    }
    await lab.stop(other)
  })
  it('say who has them', async () => {
    await expect(lab.start('three', { ports: [{ containerPort: 80, hostPort: 28080 }] })).rejects.toMatchObject({
      code: 'already_exists',
      message: 'port 28080/tcp is already in use by container two',
    })
  })
  it('can be a range of many hundreds', async () => {
    const ports = Array.from({ length: 600 }, (_, i) => ({ containerPort: 3000 + i, hostPort: 27000 + i }))
    const wide = await lab.start('wide', { ports })
    for (const port of [3000, 3599]) {
      await lab.serve(wide, 'tcp', port)
      expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, port + 24000)).toBe(outside.address)
    }
    await lab.stop(wide)
    expect((await lab.traces()).elements.filter((element) => element.startsWith('publish4_any'))).toHaveLength(2)
  })
  it('can be random, several, and for one host address only', async () => {
    const ports = [
      { containerPort: 80 },
      { containerPort: 80, hostAddress: outside.hostAddress, hostPort: 28081 },
      { containerPort: 80, hostAddress: '127.0.0.1', hostPort: 28082 },
    ]
    const three = await lab.start('three', { ports })
    await lab.serve(three, 'tcp', 80)
    const random = three.sandbox.ports[0]?.hostPort ?? 0
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, random)).toBe(outside.address)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28081)).toBe(outside.address)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28082)).toBe('ECONNREFUSED')
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28082)).toBe(three.sandbox.endpoints[0]?.ipv4Gateway)
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28081)).toBe('ECONNREFUSED')
    await lab.stop(three)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28081)).toBe('ECONNREFUSED')
  })
})

describe('udp ports', () => {
  it('lead a client that was there before the container to it, and to the next one', async () => {
    const knocking = await lab.probe(outside.pid, ['knock', outside.hostAddress, '28054', '4444'])
    const first = await lab.start('first', { ports: [{ containerPort: 53, protocol: 'udp', hostPort: 28054 }] })
    await lab.serve(first, 'udp', 53)
    expect(await knocking.answer).toBe(outside.address)
    await lab.stop(first)
    const again = await lab.probe(outside.pid, ['knock', outside.hostAddress, '28054', '4444'])
    const second = await lab.start('second', { ports: [{ containerPort: 53, protocol: 'udp', hostPort: 28054 }] })
    expect(second.address).not.toBe(first.address)
    await lab.serve(second, 'udp', 53)
    expect(await again.answer).toBe(outside.address)
    await lab.stop(second)
  })
})

describe('another firewall on the host', () => {
  it('that drops forwarded packets is named in the log', async () => {
    const table = `foreign_${lab.instanceId}`
    await lab.run(null, [
      'nft',
      `add table ip ${table}; add chain ip ${table} block { type filter hook forward priority 10; policy drop; }; insert rule ip ${table} block accept`,
    ])
    await lab.crash()
    await lab.boot()
    await lab.run(null, ['nft', 'delete', 'table', 'ip', table])
    expect(lab.log.filter((line) => line.includes('another firewall') && line.includes(`ip ${table} block`))).toHaveLength(1)
  })
})

describe('a second instance on the same machine', () => {
  it('has other subnets, and cannot reach the containers of the first', async () => {
    const other = await NetworkLab.open()
    const stranger = await other.start('stranger')
    expect(stranger.sandbox.endpoints[0]?.ipv4Gateway).not.toBe(one.sandbox.endpoints[0]?.ipv4Gateway)
    await other.serve(stranger, 'tcp', 80)
    expect(await other.ask(stranger, 'tcp', one.address, 80, blockedMs)).toBe('timeout')
    expect(await lab.ask(one, 'tcp', stranger.address, 80, blockedMs)).toBe('timeout')
    expect(await other.ask(stranger, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
    await other.close()
    expect(await lab.ask(one, 'tcp', two.address, 80)).toBe(one.address)
  })
})

describe('names', () => {
  it("of the outside come from the container's own servers, over UDP and TCP", async () => {
    await lab.probe(outside.pid, ['serveDns', '203.0.113.7'])
    const custom = await lab.start('custom', { dns: [outside.address], dnsSearch: ['example.net'], dnsOptions: ['timeout:2'] })
    expect(custom.sandbox.resolvConf).toBe(
      `nameserver ${custom.sandbox.endpoints[0]?.ipv4Gateway}\nsearch example.net\noptions timeout:2 ndots:0\n`,
    )
    expect(await lab.resolve(custom, 'www.example.org')).toBe('203.0.113.7')
    expect(await lab.resolve(custom, 'one')).toBe(one.address)
    const answers = await lab.run(custom, [...lab.probeCommand, 'resolveTcp', custom.sandbox.endpoints[0]?.ipv4Gateway ?? '', 'one'])
    expect(answers.output).toBe(`${one.address} ${one.address}`)
    await lab.stop(custom)
  })
  it("of containers, aliases and projects are answered on the asker's networks only", async () => {
    const aliased = await lab.start('aliased', { endpoints: [{ network: 'bridge', aliases: ['db'] }] })
    for (const name of ['aliased', 'DB', 'db.bridge', 'aliased.lab', aliased.id.slice(0, 12)])
      expect(await lab.resolve(one, name)).toBe(aliased.address)
    expect(await lab.resolve(one, aliased.address, 'PTR')).toBe('aliased.bridge')
    expect(await lab.resolve(one, 'nobody')).toBe('ENOTFOUND')
    expect(await lab.resolve(one, 'two', 'AAAA')).toBe('ENODATA')
    const other = await lab.start('other', {}, 'elsewhere')
    expect(await lab.resolve(other, 'one')).toBe('ENOTFOUND')
    lab.network.rename(aliased.id, 'renamed')
    expect(await lab.resolve(one, 'renamed')).toBe(aliased.address)
    await lab.stop(aliased)
    expect(await lab.resolve(one, 'renamed')).toBe('ENOTFOUND')
    await lab.stop(other)
  })
})

describe('spoofing', () => {
  it('is stopped at the port', async () => {
    const bad = await lab.start('bad')
    expect(await lab.pings(bad, one.address)).toBe(true)
    const stolen = bad.address.replace(/\d+$/, '250')
    await lab.run(bad, ['ip', 'address', 'add', `${stolen}/22`, 'dev', 'eth0'])
    expect((await lab.run(bad, ['ping', '-c', '1', '-W', '1', '-I', stolen, one.address])).code).not.toBe(0)
    await lab.run(bad, ['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'])
    expect(await lab.pings(bad, one.address)).toBe(false)
    await lab.stop(bad)
  })
})

describe('networks of their own', () => {
  const make = (more: object) => lab.network.create('lab', networkSpecSchema.parse({ name: 'n', ...more }))

  it('have the addresses that were asked for, IPv6 too', async () => {
    await make({ name: 'six', ipam: [{ subnet: '10.231.0.0/24', gateway: '10.231.0.254' }, { subnet: 'fd67:1::/64' }] })
    const ports = [{ containerPort: 80, hostPort: 28090 }]
    const a = await lab.start('a6', {
      ports,
      endpoints: [{ network: 'six', ipv4Address: '10.231.0.77', ipv6Address: 'fd67:1::77', macAddress: '02:AA:00:00:00:01' }],
    })
    const b = await lab.start('b6', { endpoints: [{ network: 'six' }] })
    expect(a.sandbox.endpoints[0]).toMatchObject({
      ipv4Address: '10.231.0.77',
      ipv4Gateway: '10.231.0.254',
      ipv6Address: 'fd67:1::77',
      macAddress: '02:aa:00:00:00:01',
    })
    await lab.serve(a, 'tcp', 80)
    expect(await lab.ask(b, 'tcp', 'fd67:1::77', 80)).toBe(b.sandbox.endpoints[0]?.ipv6Address)
    expect(await lab.ask(b, 'tcp', '10.231.0.77', 80)).toBe(b.address)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress6, 28090)).toBe(outside.address6)
    expect(await lab.ask(null, 'tcp', '::1', 28090)).not.toBe('timeout')
    await lab.serve(outside.pid, 'tcp', 7001)
    expect(await lab.ask(b, 'tcp', outside.address6, 7001)).toBe(outside.hostAddress6)
    expect(await lab.resolve(b, 'a6', 'AAAA')).toBe('fd67:1::77')
    await expect(lab.start('c6', { endpoints: [{ network: 'six', ipv4Address: '10.231.0.77' }] })).rejects.toMatchObject({
      code: 'already_exists',
    })
    await expect(lab.network.remove('lab', 'six')).rejects.toMatchObject({ code: 'wrong_state' })
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.remove('lab', 'six')
  })
  it('move aside when the host has a route to their subnet by now', async () => {
    const { spec } = await make({ name: 'movable' })
    const [before] = spec.ipam
    await lab.run(null, ['ip', 'route', 'add', before?.subnet ?? '', 'dev', 'lo'])
    const a = await lab.start('mover', { endpoints: [{ network: 'movable' }] })
    const after = (await lab.network.inspect('lab', 'movable')).spec.ipam[0]
    expect(after?.subnet).not.toBe(before?.subnet)
    expect(a.sandbox.endpoints[0]?.ipv4Gateway).toBe(after?.gateway)
    await make({ name: 'fixed', ipam: [{ subnet: '10.233.0.0/24' }] })
    await lab.run(null, ['ip', 'route', 'add', '10.233.0.0/25', 'dev', 'lo'])
    await expect(lab.start('stuck', { endpoints: [{ network: 'fixed' }] })).rejects.toMatchObject({ code: 'already_exists' })
    for (const route of [before?.subnet ?? '', '10.233.0.0/25']) await lab.run(null, ['ip', 'route', 'delete', route, 'dev', 'lo'])
    await lab.stop(a)
    for (const name of ['movable', 'fixed']) await lab.network.remove('lab', name)
  })
  it('can have IPv6 only', async () => {
    await make({ name: 'only6', ipam: [{ subnet: 'fd67:2::/64' }] })
    const a = await lab.start('a66', { endpoints: [{ network: 'only6' }], ports: [{ containerPort: 80, hostPort: 28093 }] })
    const b = await lab.start('b66', { endpoints: [{ network: 'only6' }] })
    await lab.serve(a, 'tcp', 80)
    const address = a.sandbox.endpoints[0]?.ipv6Address ?? ''
    expect(await lab.ask(b, 'tcp', address, 80)).toBe(b.sandbox.endpoints[0]?.ipv6Address)
    expect(await lab.resolve(b, 'a66', 'AAAA')).toBe(address)
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28093)).toBe(a.sandbox.endpoints[0]?.ipv6Gateway)
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.remove('lab', 'only6')
  })
  it('keep their containers apart with icc off', async () => {
    await make({ name: 'quiet', icc: false })
    const a = await lab.start('qa', { endpoints: [{ network: 'quiet' }] })
    const b = await lab.start('qb', { endpoints: [{ network: 'quiet' }] })
    await lab.serve(b, 'tcp', 80)
    expect(await lab.ask(a, 'tcp', b.address, 80, blockedMs)).not.toBe(a.address)
    expect(await lab.ask(a, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
    expect(await lab.resolve(a, 'qb')).toBe(b.address)
    // Through the gateway, as if the neighbour were far away.
    await lab.run(a, ['ip', 'route', 'add', b.address, 'via', a.sandbox.endpoints[0]?.ipv4Gateway ?? ''])
    expect(await lab.ask(a, 'tcp', b.address, 80, blockedMs)).not.toBe(a.address)
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.remove('lab', 'quiet')
  })
  it('lead nowhere when internal', async () => {
    await make({ name: 'inner', internal: true })
    const a = await lab.start('ia', { endpoints: [{ network: 'inner' }], ports: [{ containerPort: 80, hostPort: 28091 }] })
    const b = await lab.start('ib', { endpoints: [{ network: 'inner' }] })
    await lab.serve(a, 'tcp', 80)
    expect(a.sandbox.warnings).toHaveLength(1)
    expect(await lab.ask(b, 'tcp', a.address, 80)).toBe(b.address)
    expect(await lab.ask(b, 'tcp', outside.address, 7000, blockedMs)).toBe('ENETUNREACH')
    await lab.run(b, ['ip', 'route', 'add', 'default', 'via', b.sandbox.endpoints[0]?.ipv4Gateway ?? ''])
    expect(await lab.ask(b, 'tcp', outside.address, 7000, blockedMs)).toBe('timeout')
    expect(await lab.ask(b, 'tcp', outside.hostAddress, 28080, blockedMs)).toBe('timeout')
    expect(await lab.resolve(b, 'ia')).toBe(a.address)
    expect(await lab.resolve(b, 'example.org')).toBe('EREFUSED')
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.remove('lab', 'inner')
  })
  it('can be joined and left while the container runs', async () => {
    await make({ name: 'extra' })
    const far = await lab.start('far', { endpoints: [{ network: 'extra' }] })
    await lab.serve(far, 'tcp', 80)
    const near = await lab.start('near', { ports: [{ containerPort: 81, hostPort: 28092 }] })
    await lab.serve(near, 'tcp', 81)
    expect(await lab.resolve(near, 'far')).toBe('ENOTFOUND')
    const request = {
      projectId: 'lab',
      containerId: near.id,
      containerName: 'near',
      pid: near.pid,
      endpoint: { network: 'extra', aliases: ['beside'] },
    }
    const endpoint = await lab.network.connect(request)
    expect(await lab.ask(near, 'tcp', far.address, 80)).toBe(endpoint?.ipv4Address)
    expect(await lab.resolve(far, 'beside')).toBe(endpoint?.ipv4Address)
    await expect(lab.network.connect(request)).rejects.toMatchObject({ code: 'already_exists' })
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28092)).toBe(outside.address)
    await lab.network.disconnect({ projectId: 'lab', containerId: near.id, network: 'bridge', running: true })
    expect(await lab.ask(near, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28092)).toBe(outside.address)
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28092)).toBe(endpoint?.ipv4Gateway)
    // The gateway that resolv.conf names belongs to the network that was left.
    expect(await lab.resolve(near, 'far')).toBe(far.address)
    expect(await lab.resolve(near, 'one')).toBe('ENOTFOUND')
    await lab.network.disconnect({ projectId: 'lab', containerId: near.id, network: 'extra', running: true })
    expect(await lab.ask(near, 'tcp', far.address, 80, blockedMs)).toBe('ENETUNREACH')
    for (const container of [far, near]) await lab.stop(container)
    expect(await lab.network.prune('lab', {})).toEqual({ removed: ['extra'] })
  })
  it('give a container several endpoints at once', async () => {
    await make({ name: 'left', internal: true })
    const both = await lab.start('both', { endpoints: [{ network: 'left' }, { network: 'bridge' }] })
    expect(both.sandbox.endpoints.map(({ network }) => network)).toEqual(['left', 'bridge'])
    expect(await lab.ask(both, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
    const counters = (await lab.network.counters([both.id])).get(both.id)
    expect(Object.keys(counters ?? {})).toEqual(['eth0', 'eth1'])
    expect(counters?.eth1?.txBytes).toBeGreaterThan(0)
    expect(counters?.eth1?.rxPackets).toBeGreaterThan(0)
    await lab.stop(both)
    await lab.network.remove('lab', 'left')
    const told = lab.events.filter(({ attributes }) => attributes.name === 'left').map(({ action }) => action)
    expect(told).toEqual(['create', 'connect', 'disconnect', 'destroy'])
  })
})

describe('other modes', () => {
  it('none has a loopback only', async () => {
    const none = await lab.start('none', { networkMode: 'none' })
    expect((await lab.run(none, ['ip', '-br', 'address'])).output.split('\n')).toEqual([expect.stringMatching(/^lo .*127\.0\.0\.1/)])
    await lab.stop(none)
  })
  it("container: shares the other's addresses", async () => {
    const joined = await lab.start('joined', { networkMode: `container:${one.id}` })
    expect((await lab.run(joined, ['ip', '-o', '-4', 'address', 'show', 'eth0'])).output).toContain(one.address)
    expect(await lab.ask(joined, 'tcp', '127.0.0.1', 80)).toBe('127.0.0.1')
    await lab.stop(joined)
  })
  it('host leaves the namespace alone', async () => {
    const host = await lab.network.acquire({
      containerId: 'f'.repeat(64),
      containerName: 'h',
      projectId: 'lab',
      idBase: lab.idBase,
      spec: { ...containerSpecSchema.parse({ image: 'x', networkMode: 'host' }) },
    })
    expect(host.namespaceOps.map(([name]) => name)).toEqual(['userns.new'])
    expect(host.hosts).toBe(readFileSync('/etc/hosts', 'utf8'))
    expect(host.resolvConf).toBe(formatResolvConf(parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'))))
  })
})
