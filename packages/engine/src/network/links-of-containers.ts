import { GantryError } from '@gantry/contracts'
import { endpointAddresses } from './endpoints.ts'
import type { EndpointRecord, SandboxRecord } from './sandbox-record.ts'
import type { NetworkState } from './state.ts'

/**
 * On the project's default network a link is also a line in /etc/hosts, as in docker, which has no DNS there.
 * Throws `wrong_state` when the other container does not run on the network.
 */
export function linkedHosts(state: NetworkState, { endpoint }: EndpointRecord): { address: string; names: string[] }[] {
  if (!state.networks.get(endpoint.networkId)?.record.builtin) return []
  return (endpoint.links ?? []).map(({ container, alias }) => {
    for (const { record } of state.active.values()) {
      if (record.name !== container && !record.containerId.startsWith(container)) continue
      const place = record.endpoints.find((other) => other.endpoint.networkId === endpoint.networkId)
      if (place) return { address: endpointAddresses(place)[0] ?? '', names: namesOf(alias, record) }
    }
    throw new GantryError(
      'wrong_state',
      `cannot link to container ${container} as ${alias}: it does not run on network ${endpoint.network}`,
      { field: 'endpoints.links', value: container, remedy: 'start it first' },
    )
  })
}

function namesOf(alias: string, { hostname, name }: SandboxRecord): string[] {
  return [...new Set([alias, hostname, name])]
}
