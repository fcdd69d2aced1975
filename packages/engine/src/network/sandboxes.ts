import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { type Endpoint, type EndpointSpec, GantryError, type Op } from '@gantry/contracts'
import type { Sandbox, SandboxRequest } from '../ports.ts'
import { bringUp } from './bridges.ts'
import { containerResolvConf, formatResolvConf, hostsFile, hostsOfHost } from './container-files.ts'
import { elementOps, forgetFlowsOps } from './elements.ts'
import { endpointOptions } from './endpoint-options.ts'
import {
  defaultEndpoint,
  endpointAddresses,
  endpointGuards,
  endpointOps,
  giveBack,
  interfaceNameFor,
  publishEndpoint,
  reserveEndpoint,
} from './endpoints.ts'
import { sandboxOps, sysctlOps } from './links.ts'
import { linkedHosts } from './links-of-containers.ts'
import { emit } from './network-events.ts'
import { defaultNetworkName, type Network } from './network-record.ts'
import { portElements, publishedPorts, type PublishTargets } from './port-table.ts'
import { wantedPorts } from './ports-plan.ts'
import type { EndpointRecord, SandboxRecord } from './sandbox-record.ts'
import type { NetworkState } from './state.ts'
import type { WarmPool } from './warm-pool.ts'

export interface SandboxMaker {
  readonly state: NetworkState
  readonly pool: WarmPool
  /** The project's default network, made when it has none. */
  defaultNetwork(projectId: string): Promise<Network>
}

/** `NetworkController.acquire`. */
export async function acquireSandbox(maker: SandboxMaker, request: SandboxRequest): Promise<Sandbox> {
  const { networkMode, userns } = request.spec
  const userOps: Op[] = userns === 'host' ? [] : [['userns.new', String(request.idBase), '65536']]
  if (networkMode === 'host') return { namespaceOps: userOps, endpoints: [], ports: [], ...filesOfHost(maker.state, request), warnings: [] }
  if (networkMode.startsWith('container:')) return joinedSandbox(request)
  return networkMode === 'none' ? bareSandbox(maker, request) : bridgedSandbox(maker, request)
}

/** The host's own resolver is in reach there, whatever its address. */
function filesOfHost(state: NetworkState, { spec }: SandboxRequest): Pick<Sandbox, 'hosts' | 'resolvConf'> {
  const host = state.hostResolvConf()
  const or = (own: readonly string[], theirs: readonly string[]) => (own.length > 0 ? own.filter((item) => item !== '.') : theirs)
  return {
    hosts: hostsOfHost(existsSync('/etc/hosts') ? readFileSync('/etc/hosts', 'utf8') : '', spec.extraHosts),
    resolvConf: formatResolvConf({
      nameservers: or(spec.dns, host.nameservers),
      search: or(spec.dnsSearch, host.search),
      options: or(spec.dnsOptions, host.options),
    }),
  }
}

function joinedSandbox({ spec, joinPid }: SandboxRequest): Sandbox {
  if (!joinPid)
    throw new GantryError('wrong_state', `${spec.networkMode} is not running, so its network cannot be joined`, { field: 'networkMode' })
  const theirs = `/proc/${joinPid}/ns/user`
  // The other container may live in the host's user namespace; joining the one we are in already is refused (setns(2)).
  const isHosts = readlinkSync(theirs) === readlinkSync('/proc/self/ns/user')
  const userOps: Op[] = spec.userns === 'host' || isHosts ? [] : [['userns.join', theirs]]
  const namespaceOps: Op[] = [...userOps, ['netns.join', `/proc/${joinPid}/ns/net`]]
  return { namespaceOps, endpoints: [], ports: [], hosts: null, resolvConf: null, warnings: [] }
}

/** What the launcher needs to make the pair of namespaces: `host` instead of an id base leaves the user namespace out. */
function newSandboxOp(key: string, { idBase, spec, userPid }: SandboxRequest): Op {
  return ['sandbox.new', key, spec.userns === 'host' ? 'host' : userPid ? `pid:${userPid}` : String(idBase)]
}

/** Fresh for every start: the sandbox of a start that failed may still be waiting for its removal. */
function newKey(): string {
  return `cold-${randomBytes(8).toString('hex')}`
}

async function bareSandbox({ state }: SandboxMaker, request: SandboxRequest): Promise<Sandbox> {
  const key = newKey()
  const where = `sandbox:${key}` as const
  state.active.set(request.containerId, { key, record: recordOf(request, []) })
  await state.ops([newSandboxOp(key, request), ...sandboxOps(where), ...sysctlOps(where, request.spec.sysctls)])
  const host = state.hostResolvConf()
  const resolvConf = formatResolvConf({ ...host, search: request.spec.dnsSearch.length > 0 ? request.spec.dnsSearch : host.search })
  return { namespaceOps: [['sandbox', key]], endpoints: [], ports: [], hosts: hostsOf(state, request, []), resolvConf, warnings: [] }
}

async function bridgedSandbox(maker: SandboxMaker, request: SandboxRequest): Promise<Sandbox> {
  const { state } = maker
  const specs = request.spec.endpoints.length > 0 ? request.spec.endpoints : [{ network: defaultNetworkName, aliases: [] }]
  const networks = await findNetworks(maker, request, specs)
  const warm = warmable(request, specs) && networks[0]?.isBridge ? maker.pool.take(networks[0], request.idBase) : null
  const endpoints = warm ? [withNames(warm.endpoint, specs[0])] : await reserveAll(maker, networks, specs)
  const key = warm?.key ?? newKey()
  const record = recordOf(request, endpoints)
  if (networks.some((network) => !network.record.builtin)) record.resolver = key
  // From here on `release` undoes everything.
  state.active.set(request.containerId, { key, record })
  try {
    const warnings = await publish(state, request, record)
    const ports = [
      ...elementOps(state.names.table, '+', portElements(record.published, targetsOf(state, record.endpoints))),
      ...forgetFlowsOps(record.published),
    ]
    const sysctls = sysctlOps(`sandbox:${key}`, request.spec.sysctls)
    await state.ops([...(warm ? [] : coldOps(state, request, networks, endpoints, key)), ...sysctls, ...ports])
    if (record.resolver) state.resolver.found(key, () => (record.pid > 0 ? `pid:${record.pid}` : `sandbox:${key}`))
    announce(state, record)
    state.sandboxes.save(record)
    for (const network of networks) emit(state, network, 'connect', { container: request.containerId })
    return sandboxOf(state, request, record, key, warnings)
  } catch (error) {
    await releaseSandbox(maker, request.containerId)
    throw error
  }
}

/** Every named network, up; the default one is made on demand. Throws `not_found`, `invalid_input` (named twice). */
async function findNetworks(maker: SandboxMaker, request: SandboxRequest, specs: readonly EndpointSpec[]): Promise<Network[]> {
  const { state } = maker
  const networks: Network[] = []
  for (const { network: name } of specs) {
    const isDefault = name === defaultNetworkName || name === 'default'
    const network = isDefault ? await maker.defaultNetwork(request.projectId) : state.networks.find(request.projectId, name)
    if (networks.includes(network))
      throw new GantryError('invalid_input', `network ${name} is named twice`, { field: 'endpoints', value: name })
    await bringUp(state, network)
    networks.push(network)
  }
  return networks
}

/** A ready sandbox fits when nothing about it was asked to be special. */
function warmable({ spec, userPid }: SandboxRequest, specs: readonly EndpointSpec[]): boolean {
  const [only] = specs
  const isPlain = !only?.ipv4Address && !only?.ipv6Address && !only?.macAddress && !only?.linkLocalAddresses?.length
  const { interfaceName, sysctls } = endpointOptions(only?.driverOptions)
  return specs.length === 1 && !userPid && spec.userns !== 'host' && isPlain && !interfaceName && sysctls.length === 0
}

/** A warm endpoint with what is only known of it now, and asks nothing of the kernel. */
function withNames(record: EndpointRecord, spec: EndpointSpec | undefined): EndpointRecord {
  const { aliases = [], links, priority, driverOptions } = spec ?? {}
  return {
    ...record,
    endpoint: {
      ...record.endpoint,
      aliases: [...aliases],
      ...(links && { links }),
      ...(priority && { priority }),
      ...(driverOptions && { driverOptions }),
    },
  }
}

/** Before a network counts as full, or a wanted address as taken, the addresses of ready sandboxes and of containers that have just ended are given back. */
async function reserveAll(maker: SandboxMaker, networks: readonly Network[], specs: readonly EndpointSpec[]): Promise<EndpointRecord[]> {
  const { state, pool } = maker
  try {
    return reserveNow(state, networks, specs)
  } catch (error) {
    if (!(error instanceof GantryError) || !['no_space', 'already_exists'].includes(error.code)) throw error
    await Promise.all([...networks.map(({ id }) => pool.drain(id)), state.removals.flush()])
    return reserveNow(state, networks, specs)
  }
}

function reserveNow(state: NetworkState, networks: readonly Network[], specs: readonly EndpointSpec[]): EndpointRecord[] {
  const endpoints: EndpointRecord[] = []
  try {
    specs.forEach((spec, index) => {
      const network = networks[index]
      if (!network) return
      const used = endpoints.map(({ interfaceName }) => interfaceName)
      endpoints.push(reserveEndpoint(state, network, spec, interfaceNameFor(network, spec, used)))
    })
  } catch (error) {
    for (const endpoint of endpoints) giveBack(state, endpoint)
    throw error
  }
  return endpoints
}

function coldOps(
  state: NetworkState,
  request: SandboxRequest,
  networks: readonly Network[],
  endpoints: readonly EndpointRecord[],
  key: string,
): Op[] {
  const where = `sandbox:${key}` as const
  const withDefault = defaultEndpoint(state, endpoints)
  return [
    newSandboxOp(key, request),
    ...sandboxOps(where),
    ...endpoints.flatMap((endpoint, index) => {
      const network = networks[index]
      return network ? endpointOps(network, where, endpoint, endpoint === withDefault) : []
    }),
    ...(networks.every(({ record }) => record.builtin) ? [] : state.resolver.openOps(key, () => where)),
    ...elementOps(state.names.table, '+', endpoints.flatMap(endpointGuards)),
  ]
}

function recordOf(request: SandboxRequest, endpoints: readonly EndpointRecord[]): SandboxRecord {
  const { containerId, projectId, containerName, spec } = request
  const hostname = spec.hostname ?? containerId.slice(0, 12)
  return { containerId, projectId, name: containerName, hostname, mode: spec.networkMode, dns: spec.dns, published: [], endpoints, pid: 0 }
}

/** Where published ports lead. */
export function targetsOf(state: NetworkState, endpoints: readonly EndpointRecord[]): PublishTargets {
  const endpoint = publishEndpoint(state, endpoints)?.endpoint
  const modes = state.networks.get(endpoint?.networkId ?? '')?.options.gatewayModes
  const addresses = { 4: endpoint?.ipv4Address ?? '', 6: endpoint?.ipv6Address ?? '' }
  const translated = (family: 4 | 6) => (modes?.[family] === 'routed' ? null : addresses[family] || null)
  const direct = ([4, 6] as const).flatMap((family) => (modes?.[family] === 'routed' && addresses[family] ? [addresses[family]] : []))
  return { ipv4: translated(4), ipv6: translated(6), direct }
}

/** Takes the host ports and notes them in the record; returns warnings. */
async function publish(state: NetworkState, request: SandboxRequest, record: SandboxRecord): Promise<string[]> {
  const through = publishEndpoint(state, record.endpoints)
  const wanted = wantedPorts(request.spec, state.networks.get(through?.endpoint.networkId ?? '')?.options.hostAddress)
  if (wanted.length === 0) return []
  const targets = targetsOf(state, record.endpoints)
  if (!targets.ipv4 && !targets.ipv6 && targets.direct.length === 0)
    return ['ports are not published: no network of the container leads out through a bridge of this host']
  const holder = { containerId: record.containerId, containerName: record.name, projectId: record.projectId }
  record.published = await state.ports.publish(holder, wanted, targets)
  return []
}

/** Makes the container's names known on its networks, and theirs to it. */
export function announce(state: NetworkState, record: SandboxRecord): void {
  const { containerId, name, hostname } = record
  for (const place of record.endpoints) {
    const { networkId, network, aliases } = place.endpoint
    const names = [name, `${name}.${record.projectId}`, containerId.slice(0, 12), hostname, ...aliases]
    state.resolver.put({ containerId, networkId, network, names, addresses: endpointAddresses(place) })
  }
  state.resolver.client({
    containerId,
    servers: serversOf(state, record),
    links: record.endpoints.flatMap(({ endpoint: { networkId, links = [] } }) =>
      links.map(({ container, alias }): [string, string, string] => [networkId, alias, container]),
    ),
    door: record.resolver ?? '',
  })
}

/** A container that has internal networks only must not reach the outside by questions either. */
function serversOf(state: NetworkState, { endpoints, dns }: SandboxRecord): readonly string[] | 'host' {
  if (!defaultEndpoint(state, endpoints)) return []
  return dns.length > 0 ? dns : 'host'
}

function sandboxOf(state: NetworkState, request: SandboxRequest, record: SandboxRecord, key: string, warnings: readonly string[]): Sandbox {
  const endpoints = record.endpoints.map(({ endpoint }) => endpoint)
  const { dnsSearch, dnsOptions } = request.spec
  // On the default network a nested engine finds a server that its own containers reach, too. IPv4 first: all gateways are one resolver.
  const gateways = [...endpoints.map(({ ipv4Gateway }) => ipv4Gateway), ...endpoints.map(({ ipv6Gateway }) => ipv6Gateway)].filter(Boolean)
  const resolvers = record.resolver ? ['127.0.0.11'] : gateways
  return {
    namespaceOps: [['sandbox', key]],
    endpoints,
    ports: publishedPorts(record.published),
    hosts: hostsOf(state, request, record.endpoints),
    resolvConf: containerResolvConf({ resolvers, search: dnsSearch, options: dnsOptions, host: state.hostResolvConf() }),
    warnings,
  }
}

function hostsOf(state: NetworkState, { containerId, spec }: SandboxRequest, endpoints: readonly EndpointRecord[]): string {
  const gateway: Endpoint | undefined = publishEndpoint(state, endpoints)?.endpoint
  return hostsFile({
    hostname: spec.hostname ?? containerId.slice(0, 12),
    domainname: spec.domainname,
    addresses: endpoints.flatMap(endpointAddresses),
    extraHosts: spec.extraHosts,
    links: endpoints.flatMap((endpoint) => linkedHosts(state, endpoint)),
    hostGateway: gateway?.ipv4Gateway || gateway?.ipv6Gateway || null,
  })
}

/** `NetworkController.release`. Ports are free when it resolves; links go in the background, their addresses after them. */
export async function releaseSandbox({ state, pool }: SandboxMaker, containerId: string): Promise<void> {
  const active = state.active.get(containerId)
  if (!active) return
  state.active.delete(containerId)
  const { record, key } = active
  const wasConnected = state.resolver.knows(containerId)
  state.resolver.forget(containerId)
  state.sandboxes.remove(containerId)
  if (record.published.length > 0) {
    const elements = portElements(record.published, targetsOf(state, record.endpoints))
    await state.ops([...elementOps(state.names.table, '-', elements), ...forgetFlowsOps(record.published)]).catch((error: unknown) => {
      state.log('error', 'removing published ports failed', { containerId, error: String(error) })
    })
    await state.ports.unpublish(containerId)
  }
  // A warm sandbox whose start failed: perhaps the launcher that held it is not the one that runs now.
  if (record.pid === 0 && key.startsWith('warm-')) void state.later('emptying the pool of warm sandboxes', () => pool.drain())
  for (const { endpoint } of record.endpoints) {
    const network = state.networks.get(endpoint.networkId)
    if (network && wasConnected) emit(state, network, 'disconnect', { container: containerId })
  }
  state.removals.add({ key, endpoints: record.endpoints })
}
