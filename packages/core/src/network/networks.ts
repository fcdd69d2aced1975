import { GantryError, type NetworkInspect, endpointSpecSchema, networkRefSchema, networkSpecSchema } from '@gantry/contracts'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { hostPolicy } from '../host/host-policy.ts'
import { containerFields, projectFields, someProjectFields } from '../lib/project-input.ts'
import { enginePolicy } from '../policy/engine-policy.ts'
import { useCase } from '../use-case.ts'

const networkFields = { ...projectFields, network: networkRefSchema }

export const listNetworks = useCase({
  verb: 'network.list',
  permission: 'network.view',
  effect: 'read',
  acrossProjects: true,
  input: z.strictObject(someProjectFields),
  async run({ backend, user }, { projectId }): Promise<NetworkInspect[]> {
    const networks = await backend.agent.call('network.list', { projectId })
    if (projectId !== undefined) return networks
    const shown = new Set((await visibleProjects(backend, user)).map(({ project }) => project.id))
    return networks.filter((network) => shown.has(network.projectId))
  },
})

export const inspectNetwork = useCase({
  verb: 'network.inspect',
  permission: 'network.view',
  effect: 'read',
  input: z.strictObject(networkFields),
  run: ({ backend }, input): Promise<NetworkInspect> => backend.agent.call('network.inspect', input),
})

export const createNetwork = useCase({
  verb: 'network.create',
  permission: 'network.change',
  effect: 'agent',
  input: z.strictObject({ ...projectFields, spec: networkSpecSchema }),
  object: ({ spec }) => `network ${spec.name}`,
  async run({ backend, user, role }, input): Promise<NetworkInspect> {
    const { parent, 'com.docker.network.bridge.name': bridgeName } = input.spec.options
    const policy = enginePolicy({ hostAdmin: user.hostAdmin, role }, await hostPolicy(backend.db.read))
    // Behind the firewall of our bridges, such containers would be machines on the host's own network.
    if (input.spec.driver !== 'bridge' && parent && !policy.hostAccess)
      throw new GantryError('forbidden', `networks on link ${parent} of the host are not allowed here`, {
        field: 'spec.options.parent',
        value: parent,
        remedy: 'leave the parent out',
      })
    if (bridgeName && !policy.hostAccess)
      throw new GantryError('forbidden', 'naming a link of the host is not allowed here', { field: 'spec.options', value: bridgeName })
    return backend.agent.call('network.create', input)
  },
})

export const pruneNetworks = useCase({
  verb: 'network.prune',
  permission: 'network.change',
  effect: 'agent',
  input: z.strictObject({
    ...projectFields,
    labels: z.array(z.string()).optional(),
    notLabels: z.array(z.string()).optional(),
    createdBefore: z.iso.datetime({ offset: true }).optional(),
  }),
  object: () => 'unused networks',
  run: ({ backend }, input): Promise<{ removed: string[] }> => backend.agent.call('network.prune', input),
})

export const removeNetwork = useCase({
  verb: 'network.remove',
  permission: 'network.change',
  effect: 'agent',
  input: z.strictObject(networkFields),
  object: ({ network }) => `network ${network}`,
  async run({ backend }, input): Promise<{ network: string }> {
    await backend.agent.call('network.remove', input)
    return { network: input.network }
  },
})

export const connectNetwork = useCase({
  verb: 'network.connect',
  permission: 'network.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, endpoint: endpointSpecSchema }),
  object: ({ container, endpoint }) => `container ${container} to network ${endpoint.network}`,
  async run({ backend, user, role }, input): Promise<{ container: string; network: string }> {
    const policy = enginePolicy({ hostAdmin: user.hostAdmin, role }, await hostPolicy(backend.db.read))
    const sysctls = 'com.docker.network.endpoint.sysctls'
    if (input.endpoint.driverOptions?.[sysctls] && !policy.hostAccess)
      throw new GantryError('forbidden', 'settings of interfaces are not allowed here', { field: 'endpoint.driverOptions', value: sysctls })
    await backend.agent.call('network.connect', input)
    return { container: input.container, network: input.endpoint.network }
  },
})

export const disconnectNetwork = useCase({
  verb: 'network.disconnect',
  permission: 'network.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, network: networkRefSchema, force: z.boolean().default(false) }),
  object: ({ container, network }) => `container ${container} from network ${network}`,
  async run({ backend }, input): Promise<{ container: string; network: string }> {
    await backend.agent.call('network.disconnect', input)
    return { container: input.container, network: input.network }
  },
})
