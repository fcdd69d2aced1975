import { type PortProtocol, portProtocols, type PortSpec } from '@gantry/contracts'

/** What shall be published, before host ports are known. `hostPort` 0: pick a free one; '' address: all. */
export interface WantedPort {
  readonly protocol: PortProtocol
  readonly containerPort: number
  readonly hostAddress: string
  readonly hostPort: number
  /** The first free one from `hostPort` to this is taken. */
  readonly hostPortEnd?: number
}

/** The asked ports, and with `publishAll` a random host port for each exposed port that is not among them. Doubles are dropped. */
export function wantedPorts(
  spec: { ports: readonly PortSpec[]; publishAll: boolean; exposedPorts: readonly string[] },
  usualAddress = '',
): WantedPort[] {
  const wanted = spec.ports.map(({ protocol, containerPort, hostAddress, hostPort = 0, hostPortEnd }): WantedPort => {
    const all = hostAddress === '0.0.0.0' || hostAddress === '::'
    const isRange = hostPortEnd !== undefined && hostPortEnd > hostPort
    return { protocol, containerPort, hostAddress: all ? '' : (hostAddress ?? usualAddress), hostPort, ...(isRange && { hostPortEnd }) }
  })
  if (spec.publishAll) {
    for (const exposed of spec.exposedPorts) {
      const [port = '', protocol = 'tcp'] = exposed.split('/')
      if (wanted.some((other) => other.containerPort === Number(port) && other.protocol === protocol)) continue
      const known = portProtocols.find((each) => each === protocol) ?? 'tcp'
      wanted.push({ protocol: known, containerPort: Number(port), hostAddress: usualAddress, hostPort: 0 })
    }
  }
  const seen = new Set<string>()
  return wanted.filter((port) => {
    const key = port.hostPort === 0 ? '' : JSON.stringify(port)
    if (key && seen.has(key)) return false
    seen.add(key)
    return true
  })
}
