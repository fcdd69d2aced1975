import { readFileSync, writeFileSync } from 'node:fs'
import { type AgentHandlers, type EndpointSpec, GantryError } from '@gantry/contracts'
import { changedHosts } from '../network/container-files.ts'
import { defaultNetworkName } from '../network/network-record.ts'
import type { Container } from './container.ts'
import type { Parts } from './parts.ts'

export type NetworkHandlers = Pick<AgentHandlers, Extract<keyof AgentHandlers, `network.${string}`>>

/** The agent's `network.*` methods. Which networks a container is on is part of its record, hence they are at home here. */
export function networkHandlers(parts: Parts): NetworkHandlers {
  const { network } = parts
  return {
    'network.create': async (input) => {
      parts.idBase(input.projectId)
      return network.create(input.projectId, input.spec)
    },
    'network.list': async (input) => {
      if (input.projectId !== undefined) await withDefault(parts, input.projectId)
      return network.list(input)
    },
    'network.inspect': async (input) => {
      await withDefault(parts, input.projectId)
      return network.inspect(input.projectId, input.network)
    },
    'network.remove': async (input) => {
      await network.remove(input.projectId, input.network)
      return {}
    },
    'network.connect': async (input) => {
      await connect(parts, parts.store.find(input.projectId, input.container), input.endpoint)
      return {}
    },
    'network.disconnect': async (input) => {
      await disconnect(parts, parts.store.find(input.projectId, input.container), input.network, input.force)
      return {}
    },
    'network.prune': ({ projectId, ...filter }) => network.prune(projectId, filter),
  }
}

/** A project's default network is there for whoever looks, also before its first container. */
async function withDefault(parts: Parts, projectId: string): Promise<void> {
  parts.idBase(projectId)
  await parts.network.ensureDefault(projectId)
}

/** No networks named means the project's default one. */
function endpointsOf(container: Container): EndpointSpec[] {
  const { endpoints, networkMode } = container.record.spec
  if (networkMode !== 'bridge') return []
  return endpoints.length > 0 ? endpoints : [{ network: defaultNetworkName, aliases: [] }]
}

async function connect(parts: Parts, container: Container, endpoint: EndpointSpec): Promise<void> {
  await parts.locks.run(container.id, async () => {
    const { projectId, id, name, record } = container
    const { networkMode } = record.spec
    if (networkMode === 'host' || networkMode.startsWith('container:')) {
      throw new GantryError('wrong_state', `container ${name} uses network mode ${networkMode} and cannot be connected to networks`)
    }
    const pid = container.started?.pid
    const before = addressesOf(parts, id)
    await parts.network.connect({ projectId, containerId: id, containerName: name, hostname: record.spec.hostname, endpoint, pid })
    tellHosts(parts, container, before)
    await keepEndpoints(parts, container, [...endpointsOf(container).filter((other) => other.network !== endpoint.network), endpoint])
  })
}

async function disconnect(parts: Parts, container: Container, network: string, force: boolean): Promise<void> {
  await parts.locks.run(container.id, async () => {
    const { projectId, id } = container
    const { spec } = await parts.network.inspect(projectId, network)
    if (!force && !endpointsOf(container).some((endpoint) => endpoint.network === spec.name)) {
      throw new GantryError('not_found', `container ${container.name} is not connected to network ${spec.name}`)
    }
    const before = addressesOf(parts, id)
    await parts.network.disconnect({ projectId, containerId: id, network, running: container.started !== undefined, force })
    tellHosts(parts, container, before)
    await keepEndpoints(
      parts,
      container,
      endpointsOf(container).filter((endpoint) => endpoint.network !== spec.name),
    )
  })
}

function addressesOf(parts: Parts, containerId: string): string[] {
  return parts.network.endpoints(containerId).flatMap(({ ipv4Address, ipv6Address }) => [ipv4Address, ipv6Address].filter(Boolean))
}

/** Brings /etc/hosts of a running container in line: written in place, as the file itself is what the container has mounted. */
function tellHosts(parts: Parts, container: Container, before: readonly string[]): void {
  if (!container.started) return
  const path = `${parts.store.folder(container.id)}/hosts`
  const now = addressesOf(parts, container.id)
  const { hostname = container.id.slice(0, 12), domainname } = container.record.spec
  const came = now.filter((address) => !before.includes(address))
  const went = before.filter((address) => !now.includes(address))
  const names = domainname ? `${hostname}.${domainname} ${hostname}` : hostname
  writeFileSync(path, changedHosts(readFileSync(path, 'utf8'), names, came, went))
}

/** With the last network gone, the container's next start has none: that is mode `none`. */
async function keepEndpoints(parts: Parts, container: Container, endpoints: EndpointSpec[]): Promise<void> {
  const { record } = container
  const networkMode = endpoints.length === 0 ? 'none' : 'bridge'
  container.record = { ...record, spec: { ...record.spec, endpoints, networkMode } }
  await parts.store.saveRecord(container)
}
