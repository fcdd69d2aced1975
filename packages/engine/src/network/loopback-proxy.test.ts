import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { listenTcp, listenUdp } from './loopback-proxy.ts'
import { PortTable } from './port-table.ts'

const echo = async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}

describe('listenTcp', () => {
  it('relays both ways and half-closes', async () => {
    const target = await echo()
    const listener = await listenTcp('127.0.0.1', 0, { address: '127.0.0.1', port: target.port })
    const socket = connect({ port: listener.hostPort, host: '127.0.0.1' })
    socket.end('x'.repeat(300_000))
    let received = 0
    for await (const chunk of socket) received += (chunk as Buffer).length
    expect(received).toBe(300_000)
    await listener.close()
    target.close()
  })
  it('passes a refusal on', async () => {
    const target = await echo()
    target.close()
    const listener = await listenTcp('127.0.0.1', 0, { address: '127.0.0.1', port: target.port })
    const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
      connect({ port: listener.hostPort, host: '127.0.0.1' }).on('error', resolve),
    )
    expect(error.code).toBe('ECONNRESET')
    await listener.close()
  })
})

describe('listenUdp', () => {
  it('brings answers back to who asked', async () => {
    const target = createSocket('udp4')
    target.on('message', (message, peer) => target.send(`re: ${message}`, peer.port, peer.address))
    await new Promise<void>((resolve) => target.bind(0, '127.0.0.1', resolve))
    const listener = await listenUdp('127.0.0.1', 0, { address: '127.0.0.1', port: target.address().port })
    const answers = await Promise.all(
      ['a', 'b'].map((word) => {
        const client = createSocket('udp4')
        client.send(word, listener.hostPort, '127.0.0.1')
        return new Promise<string>((resolve) =>
          client.on('message', (message) => {
            client.close()
            resolve(message.toString())
          }),
        )
      }),
    )
    expect(answers).toEqual(['re: a', 're: b'])
    await listener.close()
    target.close()
  })
})

describe('PortTable', () => {
  const holder = (name: string, projectId = 'p') => ({ containerId: name, containerName: name, projectId })
  const targets = { ipv4: '127.0.0.1', ipv6: null }
  const want = (hostPort: number, hostAddress = '127.0.0.1') => [{ protocol: 'tcp' as const, containerPort: 80, hostAddress, hostPort }]

  it('says who has a port, without telling other projects', async () => {
    const table = new PortTable()
    const [taken] = await table.publish(holder('a'), want(0), targets)
    const port = taken?.hostPort ?? 0
    await expect(table.publish(holder('b'), want(port), targets)).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('by container a'),
    })
    await expect(table.publish(holder('b'), want(port, ''), targets)).rejects.toMatchObject({
      message: expect.stringContaining('by container a'),
    })
    await expect(table.publish(holder('c', 'q'), want(port), targets)).rejects.toMatchObject({
      message: expect.stringContaining('a container of another project'),
    })
    await table.unpublish('a')
    await expect(table.publish(holder('b'), want(port), targets)).resolves.toHaveLength(1)
    await table.closeAll()
  })
  it('says when another program has it, and frees what it had taken before', async () => {
    const other = await echo()
    const table = new PortTable()
    const free = await listenTcp('127.0.0.1', 0, { address: '127.0.0.1', port: 1 })
    await free.close()
    await expect(table.publish(holder('a'), [...want(free.hostPort), ...want(other.port)], targets)).rejects.toMatchObject({
      code: 'already_exists',
      message: `port 127.0.0.1:${other.port}/tcp is already in use by another program on this host`,
    })
    await expect(table.publish(holder('a'), want(free.hostPort), targets)).resolves.toHaveLength(1)
    await table.closeAll()
    other.close()
  })
  it('refuses an address that the host does not have', async () => {
    await expect(new PortTable().publish(holder('a'), want(0, '192.0.2.200'), targets)).rejects.toMatchObject({ code: 'invalid_input' })
  })
})
