import type { PortSpec } from '@gantry/contracts'

/** What shall be published, before host ports are known. `hostPort` 0: pick a free one; '' address: all. */
export interface WantedPort {
  readonly protocol: 'tcp' | 'udp'
  readonly containerPort: number
  readonly hostAddress: string
  readonly hostPort: number
}

/** The asked ports, and with `publishAll` a random host port for each exposed port that is not among them. Doubles are dropped. */
export function wantedPorts(spec: { ports: readonly PortSpec[]; publishAll: boolean; exposedPorts: readonly string[] }): WantedPort[] {
  const wanted = spec.ports.map(({ protocol, containerPort, hostAddress, hostPort }): WantedPort => {
    const all = hostAddress === undefined || hostAddress === '0.0.0.0' || hostAddress === '::'
    return { protocol, containerPort, hostAddress: all ? '' : hostAddress, hostPort: hostPort ?? 0 }
  })
  if (spec.publishAll) {
    for (const exposed of spec.exposedPorts) {
      const [port = '', protocol = 'tcp'] = exposed.split('/')
      if (wanted.some((other) => other.containerPort === Number(port) && other.protocol === protocol)) continue
      wanted.push({ protocol: protocol === 'udp' ? 'udp' : 'tcp', containerPort: Number(port), hostAddress: '', hostPort: 0 })
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
