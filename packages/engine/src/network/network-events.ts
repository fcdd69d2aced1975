import type { Network } from './network-record.ts'
import type { NetworkState } from './state.ts'

/** Tells that something happened to a network, in docker's words: create, connect, disconnect, destroy. */
export function emit(state: NetworkState, network: Network, action: string, attributes: Record<string, string> = {}): void {
  const { id, record } = network
  state.dependencies.events.emit({
    type: 'network',
    action,
    id,
    projectId: record.projectId,
    attributes: { name: network.name, type: record.spec.driver, ...attributes },
  })
}
