import type { ContainerSpec } from '@gantry/contracts'
import { defaultNetworkName } from '../network/network-record.ts'
import type { Container } from './container.ts'
import type { Parts } from './parts.ts'

/** What a container is told of another that it is linked to. */
export interface LinkedContainer {
  readonly alias: string
  /** Of the container that has the link. */
  readonly ownName: string
  readonly address: string
  readonly spec: Pick<ContainerSpec, 'exposedPorts' | 'env'>
}

/** Environment of docker's links, which are of the default network only; elsewhere names are enough. */
export function linkEnv(parts: Pick<Parts, 'network' | 'store'>, container: Container): string[] {
  const { endpoints, networkMode } = container.record.spec
  if (networkMode !== 'bridge') return []
  const links = endpoints.filter(({ network }) => network === defaultNetworkName).flatMap((endpoint) => endpoint.links ?? [])
  return links.flatMap(({ container: reference, alias }) => {
    const other = parts.store.find(container.record.projectId, reference)
    const place = parts.network.endpoints(other.id).find(({ network }) => network === defaultNetworkName)
    const address = place?.ipv4Address || place?.ipv6Address
    return address ? linkVariables({ alias, ownName: container.name, address, spec: other.record.spec }) : []
  })
}

/** `DB_PORT=tcp://172.18.0.2:5432`, `DB_PORT_5432_TCP_ADDR=…`, `DB_NAME=/web/db`, `DB_ENV_…` of the other's own environment. */
export function linkVariables({ alias, ownName, address, spec }: LinkedContainer): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_')
  const ports = spec.exposedPorts
    .map((port) => port.split('/'))
    .map(([port = '', protocol = 'tcp']) => ({ port, protocol }))
    .sort((a, b) => Number(a.port) - Number(b.port) || a.protocol.localeCompare(b.protocol))
  const [first] = ports
  const urlOf = ({ port, protocol }: { port: string; protocol: string }) => `${protocol}://${address}:${port}`
  return [
    `${prefix}_NAME=/${ownName}/${alias}`,
    ...(first ? [`${prefix}_PORT=${urlOf(first)}`] : []),
    ...ports.flatMap((each) => {
      const name = `${prefix}_PORT_${each.port}_${each.protocol.toUpperCase()}`
      return [`${name}=${urlOf(each)}`, `${name}_ADDR=${address}`, `${name}_PORT=${each.port}`, `${name}_PROTO=${each.protocol}`]
    }),
    ...spec.env.filter((entry) => entry.includes('=') && !/^(PATH|HOME)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
  ]
}
