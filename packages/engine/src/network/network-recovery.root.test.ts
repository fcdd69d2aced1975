import { networkSpecSchema } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NetworkLab } from './lab/network-lab.ts'

let lab: NetworkLab
beforeAll(async () => {
  lab = await NetworkLab.open()
})
afterAll(() => lab.close())

/** What is there when nothing runs but the warm sandboxes are gone. */
async function quietTraces() {
  for (const { projectId } of await lab.network.list({})) await lab.network.removeProject(projectId)
  await lab.network.settled()
  return lab.traces()
}

describe('after the agent was killed', () => {
  it('running containers keep addresses, names and ports, and nothing else is left', async () => {
    const outside = await lab.outside()
    const stays = await lab.start('stays', { ports: [{ containerPort: 80, hostPort: 28180 }] })
    await lab.network.create('lab', networkSpecSchema.parse({ name: 'back' }))
    const peer = await lab.start('peer', { endpoints: [{ network: 'back' }, { network: 'bridge', aliases: ['friend'] }] })
    await lab.serve(stays, 'tcp', 80)
    await lab.network.settled()

    await lab.crash()
    // Left over by a start that was cut short, and a bridge that no network owns.
    await lab.run(null, ['ip', 'link', 'add', `gv${lab.instanceId}ffffff`, 'type', 'veth', 'peer', 'name', `gv${lab.instanceId}fffffe`])
    await lab.run(null, ['ip', 'link', 'add', `gb${lab.instanceId}ffffff`, 'type', 'bridge'])
    await lab.boot()

    const { links } = await lab.traces()
    expect(links.filter((name) => name.startsWith('gv'))).toHaveLength(3)
    expect(links.filter((name) => name.startsWith('gb'))).toHaveLength(2)
    expect(lab.network.endpoints(stays.id)).toEqual(stays.sandbox.endpoints)
    expect(lab.network.ports(stays.id)).toEqual(stays.sandbox.ports)
    expect(await lab.pings(peer, stays.address)).toBe(true)
    expect(await lab.resolve(stays, 'friend')).toBe(peer.sandbox.endpoints[1]?.ipv4Address)
    expect(await lab.ask(outside.pid, 'tcp', outside.hostAddress, 28180)).toBe(outside.address)
    expect(await lab.ask(null, 'tcp', '127.0.0.1', 28180)).toBe(stays.sandbox.endpoints[0]?.ipv4Gateway)
    await expect(lab.start('thief', { ports: [{ containerPort: 1, hostPort: 28180 }] })).rejects.toMatchObject({ code: 'already_exists' })
    const next = await lab.start('next')
    expect([stays.address, peer.sandbox.endpoints[1]?.ipv4Address]).not.toContain(next.address)
    expect(await lab.pings(next, stays.address)).toBe(true)
    for (const container of [stays, peer, next]) await lab.stop(container)
  })

  it('a container that ended meanwhile leaves nothing', async () => {
    const gone = await lab.start('gone', { ports: [{ containerPort: 80, hostPort: 28181 }] })
    await lab.crash()
    await lab.forget(gone)
    await lab.boot()
    expect(lab.network.endpoints(gone.id)).toEqual([])
    const again = await lab.start('again', { ports: [{ containerPort: 80, hostPort: 28181 }] })
    await lab.stop(again)
    expect(await quietTraces()).toEqual({ links: [], elements: [] })
  })

  it('recovery can be repeated, and mends a bridge that somebody removed', async () => {
    const first = await lab.start('first')
    const second = await lab.start('second')
    await lab.network.settled()
    await lab.crash()
    for (const name of (await lab.traces()).links.filter((link) => link.startsWith('gb')))
      await lab.run(null, ['ip', 'link', 'delete', name])
    await lab.boot()
    await lab.crash()
    await lab.boot()
    expect(await lab.pings(first, second.address)).toBe(true)
    expect(await lab.resolve(first, 'second')).toBe(second.address)
    for (const container of [first, second]) await lab.stop(container)
    expect(await quietTraces()).toEqual({ links: [], elements: [] })
  })
})

describe('fifty containers one after the other', () => {
  it('leave links, firewall elements and addresses as they were', async () => {
    const before = await quietTraces()
    await lab.network.create('lab', networkSpecSchema.parse({ name: 'small', ipam: [{ subnet: '10.232.0.0/29' }] }))
    for (let i = 0; i < 50; i++) {
      const ports = i % 5 === 0 ? [{ containerPort: 80, hostPort: 28200 }] : []
      const container = await lab.start(`c${i}`, { endpoints: [{ network: i % 2 === 0 ? 'small' : 'bridge' }], ports })
      await lab.stop(container)
      // A /29 has five addresses: none of them may be lost.
      if (i % 2 === 0) await lab.network.settled()
    }
    expect(await quietTraces()).toEqual(before)
  })
})

describe('many at once', () => {
  it('get different addresses and all reach each other', async () => {
    const containers = await Promise.all(Array.from({ length: 24 }, (_, i) => lab.start(`many${i}`)))
    expect(new Set(containers.map(({ address }) => address)).size).toBe(24)
    const [first, ...others] = containers
    if (!first) throw new Error('no container')
    expect(await Promise.all(others.map(({ pid }) => lab.pings(pid, first.address)))).toEqual(others.map(() => true))
    await Promise.all(containers.map((container) => lab.stop(container)))
    expect(await quietTraces()).toEqual({ links: [], elements: [] })
  })
})

describe('an agent that stops', () => {
  it('leaves bridges and firewall to running containers, and nothing when there are none', async () => {
    const container = await lab.start('stays')
    await lab.network.close()
    expect((await lab.traces()).links).toHaveLength(2)
    await lab.kernel.close()
    await lab.boot()
    expect(lab.network.endpoints(container.id)).toHaveLength(1)
    await lab.stop(container)
    await lab.network.close()
    expect(await lab.traces()).toEqual({ links: [], elements: [] })
    expect((await lab.run(null, ['nft', 'list', 'tables'])).output).not.toContain(lab.instanceId)
    await lab.boot()
  })
})
