import type { Endpoint, EndpointSpec, NetworkInspect, NetworkSpec } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { EngineConfig, EventBus, NetworkController } from '../ports.ts'

export interface NetworkDependencies {
  readonly config: EngineConfig
  readonly kernel: Pick<Kernel, 'ops'>
  readonly events: Pick<EventBus, 'emit'>
}

export interface PruneFilter {
  /** `key` or `key=value`: all must match, and none of `notLabels`. */
  readonly labels?: readonly string[] | undefined
  readonly notLabels?: readonly string[] | undefined
  /** RFC 3339 */
  readonly createdBefore?: string | undefined
}

/**
 * The network part of the engine: what containers need (`NetworkController`) and what the agent's `network.*` methods need.
 *
 * Life: `createNetworkController` only reads configuration; `recover` loads the state, brings the kernel in line with it and must
 * be the first call; `close` stops listening and forgets the warm sandboxes; with running containers it leaves bridges
 * and firewall as they are, without any it takes them away.
 *
 * Words: a *network* is a bridge with its subnets; an *endpoint* is one container's place on one network (veth pair, MAC, addresses);
 * a *sandbox* is the pair of namespaces the endpoints are in.
 */
export interface NetworkEngine extends NetworkController {
  /** `network.create`. Errors: `already_exists` (name), `invalid_input` (subnet taken, gateway outside …). */
  create(projectId: string, spec: NetworkSpec): Promise<NetworkInspect>
  /** `network.list`: of one project or of all; `labels` are `key` or `key=value`, all must match. */
  list(filter: { projectId?: string; labels?: readonly string[] }): Promise<NetworkInspect[]>
  /** By name, id or unambiguous prefix of an id, inside the project. Errors: `not_found`. */
  inspect(projectId: string, reference: string): Promise<NetworkInspect>
  /** Errors: `not_found`, `wrong_state` (running containers on it), `invalid_input` (the project's own default network). */
  remove(projectId: string, reference: string): Promise<void>
  /** Removes the project's networks that no running container uses; those that stopped ones name go as well, as docker has it. */
  prune(projectId: string, filter: PruneFilter): Promise<{ removed: string[] }>
  /** Makes the project's default network (`bridge`) when it has none yet; cheap afterwards. */
  ensureDefault(projectId: string): Promise<NetworkInspect>
  /** Removes every network of the project. Its containers must be gone. */
  removeProject(projectId: string): Promise<void>
  /**
   * `network.connect`. With `pid` (init process of the running container) the link is made now; without, only the request is checked,
   * for the caller to keep in the container's spec.
   */
  connect(request: {
    projectId: string
    containerId: string
    containerName: string
    hostname?: string
    endpoint: EndpointSpec
    pid?: number
  }): Promise<Endpoint | null>
  /** `network.disconnect` of a running container; a no-op on the kernel for a stopped one. Errors: `not_found` (not connected). */
  disconnect(request: { projectId: string; containerId: string; network: string; running: boolean; force?: boolean }): Promise<void>
  /** After `container.rename`: the new name answers in DNS. */
  rename(containerId: string, name: string): void
  /** After the start: which process holds the sandbox, so that endpoints can be changed and repaired later. */
  started(containerId: string, pid: number): void
  /** Resolves when no background work (refill, removal of links) is left. */
  settled(): Promise<void>
  close(): Promise<void>
}
