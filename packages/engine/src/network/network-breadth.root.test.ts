import type { EndpointSpec } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LabContainer, NetworkLab } from './lab/network-lab.ts'

/** What docker's flags and driver options ask of networks, beyond what every container has. */
let lab: NetworkLab
let outside: Awaited<ReturnType<NetworkLab['outside']>>
const blockedMs = 800

beforeAll(async () => {
  lab = await NetworkLab.open()
  outside = await lab.outside()
  await lab.serve(outside.pid, 'tcp', 7000)
})
afterAll(() => lab.close())

const read = async (container: LabContainer, path: string) => (await lab.run(container, ['cat', `/proc/sys/net/${path}`])).output

describe('addresses', () => {
  it('come from the range, spare those of others, and stay in the subnet', async () => {
    const ipam = [{ subnet: '10.234.0.0/24', ipRange: '10.234.0.64/30', gateway: '10.234.0.9', auxAddresses: { router: '10.234.0.65' } }]
    await lab.create({ name: 'ranged', ipam })
    const given: string[] = []
    const containers: LabContainer[] = []
    for (const name of ['r1', 'r2', 'r3']) {
      const container = await lab.start(name, { endpoints: [{ network: 'ranged' }] })
      containers.push(container)
      given.push(container.address)
    }
    expect(given.sort()).toEqual(['10.234.0.64', '10.234.0.66', '10.234.0.67'])
    await expect(lab.start('r4', { endpoints: [{ network: 'ranged' }] })).rejects.toMatchObject({ code: 'no_space' })
    await expect(lab.start('r5', { endpoints: [{ network: 'ranged', ipv4Address: '10.234.0.65' }] })).rejects.toMatchObject({
      code: 'already_exists',
    })
    for (const container of containers) await lab.stop(container)
    await lab.network.remove('lab', 'ranged')
    await expect(lab.create({ name: 'bad', ipam: [{ subnet: '10.234.0.0/24', auxAddresses: { x: '10.235.0.1' } }] })).rejects.toMatchObject(
      {
        code: 'invalid_input',
      },
    )
  })
})

describe('driver options', () => {
  it('name interfaces, set the mtu, bind ports to an address, and keep containers apart', async () => {
    const { spec } = await lab.create({
      name: 'optional',
      options: {
        'com.docker.network.container_iface_prefix': 'lan',
        'com.docker.network.driver.mtu': '1400',
        'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
        'com.docker.network.bridge.enable_icc': 'false',
        'com.example.note': 'kept',
      },
    })
    expect(spec).toMatchObject({ mtu: 1400, icc: false, options: { 'com.example.note': 'kept' } })
    const a = await lab.start('oa', { endpoints: [{ network: 'optional' }], ports: [{ containerPort: 80, hostPort: 28301 }] })
    const b = await lab.start('ob', { endpoints: [{ network: 'optional' }] })
    await lab.serve(a, 'tcp', 80)
    expect((await lab.run(a, ['ip', '-o', 'link', 'show', 'lan0'])).output).toContain('mtu 1400')
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28301)).toBe(a.sandbox.endpoints[0]?.ipv4Gateway)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28301)).toBe('ECONNREFUSED')
    expect(await lab.ask(b, 'tcp', a.address, 80, blockedMs)).not.toBe(b.address)
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.remove('lab', 'optional')
  })
  it('give the bridge its name on the host, behind the same firewall', async () => {
    const name = `br-${lab.instanceId}`
    const options = { 'com.docker.network.bridge.name': name }
    const { bridge } = await lab.create({ name: 'named', options })
    expect((await lab.run(null, ['ip', '-o', 'link', 'show', bridge])).output).toMatch(new RegExp(`^\\d+: ${name}: `))
    const [a, b] = [
      await lab.start('ba', { endpoints: [{ network: 'named' }], ports: [{ containerPort: 80, hostPort: 28303 }] }),
      await lab.start('bb'),
    ]
    for (const each of [a, b]) await lab.serve(each, 'tcp', 80)
    await lab.serve(process.pid, 'tcp', 28998)
    const holds = async () => {
      expect(await lab.ask(a, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
      expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28303)).toBe(outside.address)
      expect(await lab.ask(a, 'tcp', outside.hostAddress, 28303)).toBe(a.sandbox.endpoints[0]?.ipv4Gateway)
      expect(await lab.ask(b, 'tcp', a.address, 80, blockedMs)).toBe('timeout')
      expect(await lab.ask(a, 'tcp', b.address, 80, blockedMs)).toBe('timeout')
      expect(await lab.ask(outside.pid, 'tcp', a.address, 80, blockedMs)).toBe('timeout')
      expect(await lab.ask(a, 'tcp', a.sandbox.endpoints[0]?.ipv4Gateway ?? '', 28998, blockedMs)).toBe('timeout')
    }
    await holds()
    await lab.crash()
    await lab.boot()
    await holds()
    for (const each of [a, b]) await lab.stop(each)
    await expect(lab.create({ name: 'again', options })).rejects.toMatchObject({ code: 'already_exists' })
    await expect(lab.create({ name: 'again', options: { 'com.docker.network.bridge.name': 'lo' } })).rejects.toMatchObject({
      code: 'already_exists',
    })
    await lab.crash()
    await lab.boot()
    await lab.network.remove('lab', 'named')
    expect((await lab.run(null, ['ip', 'link', 'show', name])).code).not.toBe(0)
  })
  it('lead the outside to containers directly, or nobody at all', async () => {
    const mode = (four: string, six = four) => ({
      'com.docker.network.bridge.gateway_mode_ipv4': four,
      'com.docker.network.bridge.gateway_mode_ipv6': six,
    })
    const ports = [{ containerPort: 80, hostPort: 28302 }]
    await lab.create({ name: 'routed', ipam: [{ subnet: '10.236.0.0/24' }, { subnet: 'fd67:36::/64' }], options: mode('routed') })
    const a = await lab.start('ra', { endpoints: [{ network: 'routed' }], ports })
    for (const port of [80, 81]) await lab.serve(a, 'tcp', port)
    const [{ ipv6Address = '' } = {}] = a.sandbox.endpoints
    expect(a.sandbox.ports).toEqual([])
    // The outside has its default route through the host, and nobody translates: both see each other's own address.
    expect(await lab.ask(outside.pid, 'tcp', a.address, 80)).toBe(outside.address)
    expect(await lab.ask(outside.pid, 'tcp', ipv6Address, 80)).toBe(outside.address6)
    expect(await lab.ask(a, 'tcp', outside.address, 7000)).toBe(a.address)
    expect(await lab.pings(outside.pid, a.address)).toBe(true)
    expect(await lab.ask(outside.pid, 'tcp', a.address, 81, blockedMs)).toBe('timeout')
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28302)).toBe('ECONNREFUSED')
    await lab.create({ name: 'open', ipam: [{ subnet: '10.237.0.0/24' }], options: mode('nat-unprotected') })
    const b = await lab.start('rb', { endpoints: [{ network: 'open' }], ports })
    for (const port of [80, 81]) await lab.serve(b, 'tcp', port)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28302)).toBe(outside.address)
    expect(await lab.ask(outside.pid, 'tcp', b.address, 81)).toBe(outside.address)
    expect(await lab.ask(b, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
    // Networks stay apart all the same.
    expect(await lab.ask(a, 'tcp', b.address, 81, blockedMs)).toBe('timeout')
    await lab.crash()
    await lab.boot()
    expect(await lab.ask(outside.pid, 'tcp', a.address, 80)).toBe(outside.address)
    await lab.stop(a)
    const c = await lab.start('rc', { endpoints: [{ network: 'routed', ipv4Address: a.address }] })
    await lab.serve(c, 'tcp', 80)
    expect(await lab.ask(outside.pid, 'tcp', c.address, 80, blockedMs)).toBe('timeout')
    for (const container of [b, c]) await lab.stop(container)
    for (const name of ['routed', 'open']) await lab.network.remove('lab', name)
  })
  it('leave the host out of a network', async () => {
    await expect(lab.create({ name: 'x', options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' } })).rejects.toMatchObject({
      code: 'invalid_input',
    })
    const { bridge, spec } = await lab.create({
      name: 'alone',
      internal: true,
      options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' },
    })
    const [a, b] = [
      await lab.start('aa', { endpoints: [{ network: 'alone' }] }),
      await lab.start('ab', { endpoints: [{ network: 'alone' }] }),
    ]
    expect(a.sandbox.endpoints[0]?.ipv4Gateway).toBe('')
    expect((await lab.run(null, ['ip', '-o', '-4', 'address', 'show', 'dev', bridge])).output).toBe('')
    expect(await lab.pings(a, b.address)).toBe(true)
    expect(await lab.resolve(a, 'ab')).toBe(b.address)
    for (const container of [a, b]) await lab.stop(container)
    const inhibited = await lab.create({ name: 'theirs', options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' } })
    const c = await lab.start('ac', { endpoints: [{ network: 'theirs' }] })
    expect((await lab.run(null, ['ip', '-o', '-4', 'address', 'show', 'dev', inhibited.bridge])).output).toBe('')
    expect(await lab.defaultRoute(c)).toContain(`default via ${inhibited.spec.ipam[0]?.gateway}`)
    expect(spec.internal).toBe(true)
    await lab.stop(c)
    for (const name of ['alone', 'theirs']) await lab.network.remove('lab', name)
  })
  it('that cannot be had are refused', async () => {
    const refused = { 'com.docker.network.bridge.trusted_host_interfaces': 'eth0' }
    for (const [name, value] of Object.entries(refused))
      await expect(lab.create({ name: 'x', options: { [name]: value } })).rejects.toMatchObject({ code: 'unsupported' })
    await expect(lab.create({ name: 'x', options: { 'com.docker.network.driver.mtu': 'big' } })).rejects.toMatchObject({
      code: 'invalid_input',
    })
  })
})

describe('endpoints', () => {
  it('have names, settings and link-local addresses of their own', async () => {
    const driverOptions = {
      'com.docker.network.endpoint.ifname': 'wan7',
      'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0',
    }
    const a = await lab.start('ea', {
      endpoints: [{ network: 'bridge', driverOptions, linkLocalAddresses: ['169.254.7.7', 'fe80::7'] }],
    })
    const b = await lab.start('eb', { endpoints: [{ network: 'bridge', linkLocalAddresses: ['169.254.7.8'] }] })
    expect(await read(a, 'ipv4/conf/wan7/log_martians')).toBe('1')
    expect(await read(a, 'ipv4/conf/wan7/forwarding')).toBe('0')
    expect((await lab.run(a, ['ip', '-o', 'address', 'show', 'wan7'])).output).toMatch(/169\.254\.7\.7\/16[\s\S]*fe80::7\/64/)
    expect(await lab.pings(b, '169.254.7.7')).toBe(true)
    const wrong: Partial<EndpointSpec>[] = [
      { linkLocalAddresses: ['10.0.0.1'] },
      { driverOptions: { 'com.docker.network.endpoint.ifname': 'lo' } },
      { driverOptions: { 'com.docker.network.endpoint.sysctls': 'kernel.panic=1' } },
    ]
    for (const bad of wrong)
      await expect(lab.start('ec', { endpoints: [{ network: 'bridge', ...bad }] })).rejects.toMatchObject({ code: 'invalid_input' })
    for (const container of [a, b]) await lab.stop(container)
  })
  it('of the highest priority have the default route, and give and take it while the container runs', async () => {
    for (const name of ['aa', 'zz']) await lab.create({ name })
    const a = await lab.start('pa', { endpoints: [{ network: 'aa' }, { network: 'zz', priority: 5 }] })
    expect(await lab.defaultRoute(a)).toContain('dev eth1')
    await lab.connect(a, { network: 'bridge', aliases: [], priority: 9 })
    expect(await lab.defaultRoute(a)).toContain('dev eth2')
    expect(await lab.ask(a, 'tcp', outside.address, 7000)).toBe(outside.hostAddress)
    await lab.disconnect(a, 'bridge')
    expect(await lab.defaultRoute(a)).toContain('dev eth1')
    await lab.disconnect(a, 'zz')
    expect(await lab.defaultRoute(a)).toContain('dev eth0')
    await lab.stop(a)
    for (const name of ['aa', 'zz']) await lab.network.remove('lab', name)
  })
  it('know linked containers by names that nobody else knows', async () => {
    const db = await lab.start('database', { hostname: 'dbhost' })
    await lab.create({ name: 'linked' })
    const other = await lab.start('other', { endpoints: [{ network: 'linked' }] })
    const links = [{ container: 'database', alias: 'db' }]
    const a = await lab.start('la', { endpoints: [{ network: 'bridge', links }] })
    expect(a.sandbox.hosts).toContain(`${db.address}\tdb dbhost database\n`)
    expect(await lab.resolve(a, 'db')).toBe(db.address)
    expect(await lab.resolve(db, 'db')).toBe('ENOTFOUND')
    const b = await lab.start('lb', { endpoints: [{ network: 'linked', links: [{ container: other.id, alias: 'friend' }] }] })
    expect(await lab.resolve(b, 'friend')).toBe(other.address)
    expect(b.sandbox.hosts).not.toContain('friend')
    await expect(
      lab.start('lc', { endpoints: [{ network: 'bridge', links: [{ container: 'nobody', alias: 'x' }] }] }),
    ).rejects.toMatchObject({ code: 'wrong_state' })
    for (const container of [db, other, a, b]) await lab.stop(container)
    await lab.network.remove('lab', 'linked')
  })
})

describe('published ports', () => {
  it('take the first free one of a range', async () => {
    const ports = [{ containerPort: 80, hostPort: 28310, hostPortEnd: 28312 }]
    const taken: (number | undefined)[] = []
    const containers: LabContainer[] = []
    for (const name of ['g1', 'g2', 'g3']) {
      const container = await lab.start(name, { ports })
      containers.push(container)
      taken.push(container.sandbox.ports[0]?.hostPort)
    }
    expect(taken).toEqual([28310, 28311, 28312])
    await expect(lab.start('g4', { ports })).rejects.toMatchObject({ code: 'already_exists' })
    for (const container of containers) await lab.stop(container)
  })
})

describe('prune', () => {
  it('removes what nobody uses now, as far as the filters go', async () => {
    await lab.create({ name: 'old', labels: { tier: 'a' } })
    await lab.create({ name: 'kept', labels: { tier: 'b' } })
    await lab.create({ name: 'used', labels: { tier: 'a' } })
    const user = await lab.start('user', { endpoints: [{ network: 'used' }] })
    expect(await lab.network.prune('lab', { createdBefore: '2001-01-01T00:00:00Z' })).toEqual({ removed: [] })
    expect(await lab.network.prune('lab', { notLabels: ['tier=b'] })).toEqual({ removed: ['old'] })
    await lab.stop(user)
    expect(await lab.network.prune('lab', {})).toEqual({ removed: ['kept', 'used'] })
  })
})
