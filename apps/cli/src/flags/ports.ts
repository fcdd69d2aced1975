import { GantryError, type PortProtocol, type PortSpec } from '@gantry/contracts'

type Port = { containerPort: number; protocol: PortProtocol; hostPort?: number; hostPortEnd?: number; hostAddress?: string }

/**
 * `-p [address:][host port[-end]:]container port[-end][/tcp|udp|sctp]`, as docker writes it; a range gives one entry per port, and a range of
 * host ports for one container port the first of them that is free.
 */
export function parsePublish(text: string): PortSpec[] {
  const refuse = (why: string) =>
    new GantryError('invalid_input', `-p ${text}: ${why}`, { field: '-p', value: text, remedy: 'write [address:]host:container[/udp]' })
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|\d+(?:\.\d+){3}):)?(?:([0-9]*(?:-[0-9]+)?):)?([0-9]+(?:-[0-9]+)?)(?:\/(tcp|udp|sctp))?$/.exec(text)
  if (!match) throw refuse('is not [address:][host port:]container port[/tcp|udp|sctp]')
  const [, address, host, container = '', protocol = 'tcp'] = match
  const containerPorts = range(container)
  const hostPorts = host ? range(host) : []
  if (containerPorts.length === 0) throw refuse(`${container} runs backwards`)
  if (host && hostPorts.length === 0) throw refuse(`${host} runs backwards`)
  const anyOf = containerPorts.length === 1 && hostPorts.length > 1
  if (host && !anyOf && hostPorts.length !== containerPorts.length) {
    throw refuse(`${hostPorts.length} host ports cannot serve ${containerPorts.length} container ports`)
  }
  return containerPorts.map((containerPort, index) => {
    const port: Port = { containerPort, protocol: protocol as PortProtocol }
    const hostPort = hostPorts[index]
    if (hostPort !== undefined) port.hostPort = hostPort
    const end = anyOf ? hostPorts.at(-1) : undefined
    if (end !== undefined) port.hostPortEnd = end
    if (address) port.hostAddress = address.replace(/[[\]]/g, '')
    return port
  })
}

function range(text: string): number[] {
  const [first = '', last = first] = text.split('-')
  const from = Number(first)
  return Array.from({ length: Math.max(0, Number(last) - from + 1) }, (_, index) => from + index)
}
