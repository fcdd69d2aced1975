import { setTimeout } from 'node:timers/promises'
import { GantryError } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NetworkLab } from './lab/network-lab.ts'

/** What some kernels have and others not: networks that pass the host by, and sctp. */
let lab: NetworkLab
let outside: Awaited<ReturnType<NetworkLab['outside']>>

beforeAll(async () => {
  lab = await NetworkLab.open()
  outside = await lab.outside()
  await lab.serve(outside.pid, 'tcp', 7000)
})
afterAll(() => lab.close())

/** Whether a link of this kind can be put on the parent now; asked of the kernel and not of the engine. */
async function takes(kind: string, parent: string): Promise<boolean> {
  const made = await lab.run(null, ['ip', 'link', 'add', `gt${lab.instanceId}`, 'link', parent, 'type', kind])
  await lab.run(null, ['ip', 'link', 'delete', `gt${lab.instanceId}`])
  return made.code === 0
}

async function kernelHas(kind: string): Promise<boolean> {
  const parent = `gq${lab.instanceId}`
  await lab.run(null, ['ip', 'link', 'add', parent, 'type', 'veth', 'peer', 'name', `gr${lab.instanceId}`])
  const has = await takes(kind, parent)
  await lab.run(null, ['ip', 'link', 'delete', parent])
  return has
}

/** Links of another kind go with the namespaces of their containers, which the kernel takes down in its own time. */
async function parentIsFree(kind: string): Promise<void> {
  while (!(await takes(kind, `go${lab.instanceId}`))) await setTimeout(20)
}

describe('published ports', () => {
  it('can be sctp where the kernel has it, and are refused where not', async () => {
    const has = (await lab.run(null, ['modprobe', 'sctp'])).code === 0
    const started = lab.start('s', { ports: [{ containerPort: 9, protocol: 'sctp', hostPort: 28320 }] })
    if (!has) {
      await expect(started).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('no sctp') })
      return
    }
    const s = await started
    const python = (code: string) => ['python3', '-c', `import socket\n${code}`]
    const make = 'socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)'
    const server = lab.run(s, python(`s=${make}\ns.bind(("0.0.0.0",9))\ns.listen()\nc,a=s.accept()\nc.sendall(b"got "+c.recv(99))`))
    const ask = (address: string) =>
      lab.run(null, python(`c=${make}\nc.connect(("${address}",28320))\nc.sendall(b"hello")\nprint(c.recv(99).decode())`))
    while (!(await lab.run(s, ['cat', '/proc/net/sctp/eps'])).output.includes(' 9 ')) await setTimeout(20)
    expect((await ask('127.0.0.1')).output).toBe('got hello')
    await server
    await lab.stop(s)
  })
})

describe.each(['macvlan', 'ipvlan'])('%s networks', (driver) => {
  it('are refused where the kernel has none, or the host not the parent', async () => {
    await expect(lab.create({ name: 'v', driver, options: { parent: 'nosuch0' } })).rejects.toMatchObject({ code: 'not_found' })
    await expect(lab.create({ name: 'v', driver, options: { [`${driver}_mode`]: 'odd' } })).rejects.toMatchObject({ code: 'invalid_input' })
    const made = await lab.create({ name: 'v', driver }).catch((error: GantryError) => error)
    const has = await kernelHas(driver)
    if (has) await lab.network.remove('lab', 'v')
    expect(made instanceof GantryError ? made.code : 'made').toBe(has ? 'made' : 'unsupported')
    expect((await lab.traces()).links.filter((link) => link.startsWith('gb'))).toHaveLength(1)
  })

  it('join containers to the network of a link of the host', async () => {
    if (!(await kernelHas(driver))) return
    await parentIsFree(driver)
    const subnet = outside.hostAddress.replace(/\.1$/, '.0/24')
    const options = { parent: `go${lab.instanceId}` }
    await lab.create({ name: 'wire', driver, options, ipam: [{ subnet, gateway: outside.address }] })
    const a = await lab.start('wa', { endpoints: [{ network: 'wire', ipv4Address: outside.hostAddress.replace(/\.1$/, '.77') }] })
    const b = await lab.start('wb', { endpoints: [{ network: 'wire' }] })
    await lab.serve(a, 'tcp', 80)
    expect(await lab.ask(outside.pid, 'tcp', a.address, 80)).toBe(outside.address)
    expect(await lab.ask(a, 'tcp', outside.address, 7000)).toBe(a.address)
    expect(await lab.ask(b, 'tcp', a.address, 80)).toBe(b.address)
    expect(await lab.resolve(b, 'wa')).toBe(a.address)
    expect((await lab.network.counters([a.id])).get(a.id)?.eth0?.rxPackets).toBeGreaterThan(0)
    await lab.crash()
    await lab.boot()
    expect(lab.network.endpoints(a.id)).toHaveLength(1)
    expect((await lab.network.inspect('lab', 'wire')).containers).toHaveLength(2)
    await lab.disconnect(a, 'wire')
    expect((await lab.run(a, ['ip', '-o', 'link'])).output).not.toContain('eth0')
    await lab.connect(a, { network: 'wire', aliases: [] })
    expect((await lab.run(a, ['ip', '-o', 'link'])).output).toContain('eth0')
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.settled()
    await lab.network.remove('lab', 'wire')
  })

  it('are routed by the parent in mode l3', async () => {
    if (driver === 'macvlan' || !(await kernelHas(driver))) return
    await parentIsFree(driver)
    const options = { parent: `go${lab.instanceId}`, ipvlan_mode: 'l3' }
    await lab.create({ name: 'three', driver, options, ipam: [{ subnet: '10.238.0.0/24' }] })
    const [a, b] = [
      await lab.start('ta', { endpoints: [{ network: 'three' }] }),
      await lab.start('tb', { endpoints: [{ network: 'three' }] }),
    ]
    await lab.serve(a, 'tcp', 80)
    expect(await lab.ask(outside.pid, 'tcp', a.address, 80)).toBe(outside.address)
    expect(await lab.ask(a, 'tcp', outside.address, 7000)).toBe(a.address)
    expect(await lab.ask(b, 'tcp', a.address, 80)).toBe(b.address)
    expect(await lab.resolve(b, 'ta')).toBe(a.address)
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.settled()
    await lab.network.remove('lab', 'three')
  })

  it('without a parent lead nowhere but to each other, unless they are private', async () => {
    if (!(await kernelHas(driver))) return
    await lab.create({ name: 'inner', driver })
    const [a, b] = [
      await lab.start('na', { endpoints: [{ network: 'inner' }] }),
      await lab.start('nb', { endpoints: [{ network: 'inner' }] }),
    ]
    expect(await lab.pings(a, b.address)).toBe(true)
    expect(await lab.defaultRoute(a)).toBe('')
    for (const container of [a, b]) await lab.stop(container)
    await lab.network.settled()
    await lab.network.remove('lab', 'inner')
    if (driver === 'ipvlan') return
    await lab.create({ name: 'private', driver, options: { macvlan_mode: 'private' } })
    const [c, d] = [
      await lab.start('nc', { endpoints: [{ network: 'private' }] }),
      await lab.start('nd', { endpoints: [{ network: 'private' }] }),
    ]
    expect(await lab.pings(c, d.address)).toBe(false)
    for (const container of [c, d]) await lab.stop(container)
    await lab.network.settled()
    await lab.network.remove('lab', 'private')
  })
})
