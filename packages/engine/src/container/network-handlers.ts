import { type AgentHandlers, type EndpointSpec, GantryError } from '@gantry/contracts'
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
    'network.list': (input) => network.list(input),
    'network.inspect': (input) => network.inspect(input.projectId, input.network),
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
    // A network that a stopped container will need at its next start is in use.
    'network.prune': (input) => network.prune(input.projectId, { labels: input.labels, keep: usedNames(parts, input.projectId) }),
  }
}

function usedNames(parts: Parts, projectId: string): Set<string> {
  return new Set(parts.store.list(projectId).flatMap((container) => endpointsOf(container).map((endpoint) => endpoint.network)))
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
    await parts.network.connect({ projectId, containerId: id, containerName: name, hostname: record.spec.hostname, endpoint, pid })
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
    await parts.network.disconnect({ projectId, containerId: id, network, running: container.started !== undefined, force })
    await keepEndpoints(
      parts,
      container,
      endpointsOf(container).filter((endpoint) => endpoint.network !== spec.name),
    )
  })
}

/** With the last network gone, the container's next start has none: that is mode `none`. */
async function keepEndpoints(parts: Parts, container: Container, endpoints: EndpointSpec[]): Promise<void> {
  const { record } = container
  const networkMode = endpoints.length === 0 ? 'none' : 'bridge'
  container.record = { ...record, spec: { ...record.spec, endpoints, networkMode } }
  await parts.store.saveRecord(container)
}
