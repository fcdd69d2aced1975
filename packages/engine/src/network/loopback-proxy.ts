import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net'

/**
 * The listener behind a published port. It keeps the port from other programs of the host, and serves the connections that the
 * firewall cannot translate: those of the host's own loopback address, and IPv6 clients of a container that has only IPv4.
 * Everything else is translated in the kernel before it could reach this socket.
 */
export interface PortListener {
  readonly hostPort: number
  close(): Promise<void>
}

export interface PortTarget {
  readonly address: string
  readonly port: number
}

const udpIdleMs = 60_000
const udpFlows = 1024

/** `hostPort` 0: a free one. Rejects with the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`). */
export function listenTcp(hostAddress: string, hostPort: number, target: PortTarget): Promise<PortListener> {
  const connections = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => relay(client, target, connections))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: hostAddress, port: hostPort }, () => {
      server.removeListener('error', reject)
      server.on('error', () => {})
      const { port } = server.address() as { port: number }
      const close = () =>
        new Promise<void>((done) => {
          server.close(() => done())
          for (const connection of connections) connection.destroy()
        })
      resolve({ hostPort: port, close })
    })
  })
}

function relay(client: Socket, target: PortTarget, connections: Set<Socket>): void {
  const server = connect({ host: target.address, port: target.port, allowHalfOpen: true })
  for (const socket of [client, server]) {
    connections.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => connections.delete(socket))
  }
  const both = () => {
    client.destroy()
    server.destroy()
  }
  client.once('error', both)
  // A refusal by the container is passed on as a reset, not as an orderly end.
  server.once('error', () => {
    client.resetAndDestroy()
    server.destroy()
  })
  server.once('connect', () => {
    client.pipe(server)
    server.pipe(client)
    client.resume()
  })
  client.once('close', () => server.destroy())
}

export function listenUdp(hostAddress: string, hostPort: number, target: PortTarget): Promise<PortListener> {
  const socket = createSocket({ type: isIPv6(hostAddress) ? 'udp6' : 'udp4' })
  const flows = new Map<string, { upstream: UdpSocket; timer: NodeJS.Timeout }>()
  socket.on('message', (message, peer) => relayDatagram(socket, flows, target, message, peer))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: hostAddress, port: hostPort }, () => {
      socket.removeListener('error', reject)
      socket.on('error', () => {})
      const close = () =>
        new Promise<void>((done) => {
          for (const key of [...flows.keys()]) endFlow(flows, key)
          socket.close(() => done())
        })
      resolve({ hostPort: socket.address().port, close })
    })
  })
}

type Flows = Map<string, { upstream: UdpSocket; timer: NodeJS.Timeout }>

function endFlow(flows: Flows, key: string): void {
  const flow = flows.get(key)
  if (!flow) return
  flows.delete(key)
  clearTimeout(flow.timer)
  flow.upstream.close()
}

function relayDatagram(socket: UdpSocket, flows: Flows, target: PortTarget, message: Buffer, peer: RemoteInfo): void {
  // An IPv4 client from elsewhere came before the firewall knew the port: its next datagram will be translated by the kernel.
  const ipv4 = /^(?:::ffff:)?(\d+)\.\d+\.\d+\.\d+$/.exec(peer.address)
  if (ipv4 && ipv4[1] !== '127') return
  const key = `${peer.address} ${peer.port}`
  let flow = flows.get(key)
  if (!flow) {
    if (flows.size >= udpFlows) return
    const upstream = createSocket({ type: isIPv6(target.address) ? 'udp6' : 'udp4' })
    flow = { upstream, timer: setTimeout(() => endFlow(flows, key), udpIdleMs).unref() }
    flows.set(key, flow)
    upstream.on('error', () => endFlow(flows, key))
    upstream.on('message', (answer) => {
      flows.get(key)?.timer.refresh()
      socket.send(answer, peer.port, peer.address, () => {})
    })
  }
  flow.timer.refresh()
  flow.upstream.send(message, target.port, target.address, () => {})
}
