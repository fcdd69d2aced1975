import { GantryError, type NetworkSpec } from '@gantry/contracts'
import { parseAddress } from './address.ts'

/**
 * How the outside meets the containers of a bridge: by translated ports, also directly at every port, directly at published ports
 * without any translation, or not at all, the host included.
 */
export const gatewayModes = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const
export type GatewayMode = (typeof gatewayModes)[number]

/** What docker's driver options come to. */
export interface NetworkOptions {
  /** Interfaces of containers are named by this and a number. */
  readonly interfacePrefix: string
  /** Where ports are published that name no host address; '' is everywhere. */
  readonly hostAddress: string
  /** Link of the host below a macvlan or ipvlan network; '' for one of our own that leads nowhere. */
  readonly parent: string
  /** Of macvlan or ipvlan. */
  readonly mode: string
  /** Name of the bridge on the host; '' where we choose it. */
  readonly bridgeName: string
  /** Largest packet as asked for; 0: the parent's. */
  readonly mtu: number
  readonly gatewayModes: Readonly<Record<4 | 6, GatewayMode>>
  /** Whether the bridge is left without its IPv4 address: somebody else is the gateway. */
  readonly inhibitIpv4: boolean
}

const bridge = 'com.docker.network.bridge.'
const interfacePrefixes = ['com.docker.network.container_iface_prefix', 'com.docker.network.container_interface_prefix']
const linkName = /^(?!\.{1,2}$)[^\s/:%"*\\]{1,15}$/
const mtuOption = 'com.docker.network.driver.mtu'
const modes = { macvlan: ['bridge', 'private', 'vepa', 'passthru'], ipvlan: ['l2', 'l3', 'l3s'] } as const

/** Known options that cannot be had, unless they ask for what is so anyway. */
const refused: Readonly<Record<string, { only: readonly string[]; why: string }>> = {
  [`${bridge}trusted_host_interfaces`]: {
    only: [''],
    why: 'published ports are entered by addresses of the host; gateway mode routed opens them',
  },
  [`${bridge}default_bridge`]: { only: ['false', '0'], why: 'a project has its default network already' },
  ipvlan_flag: { only: ['bridge', ''], why: 'only bridge is there' },
}

/** The spec with the fields set that its options are about. Throws `invalid_input`, `unsupported`. */
export function applyOptions(spec: NetworkSpec): NetworkSpec {
  for (const [name, { only, why }] of Object.entries(refused)) {
    const value = spec.options[name]
    if (value === undefined || only.includes(value)) continue
    throw new GantryError('unsupported', `network option ${name}=${value} is not supported: ${why}`, { field: 'options', value: name })
  }
  const flag = (name: string, otherwise: boolean) => {
    const value = spec.options[bridge + name]
    return value === undefined ? otherwise : readFlag(bridge + name, value)
  }
  const { parent, mtu } = networkOptions(spec)
  return {
    ...spec,
    icc: flag('enable_icc', spec.icc),
    masquerade: flag('enable_ip_masquerade', spec.masquerade),
    mtu: mtu || spec.mtu,
    internal: spec.internal || (spec.driver !== 'bridge' && parent === ''),
  }
}

export function networkOptions(spec: Pick<NetworkSpec, 'driver' | 'options' | 'internal'>): NetworkOptions {
  const { driver, options } = spec
  const prefix = interfacePrefixes.map((name) => options[name]).find((value) => value) ?? 'eth'
  if (!/^[a-zA-Z][a-zA-Z0-9_-]{0,11}$/.test(prefix)) throw refuse(interfacePrefixes[0] ?? '', prefix, 'is not the beginning of a link name')
  const parent = options.parent ?? ''
  if (parent && !linkName.test(parent)) throw refuse('parent', parent, 'is not a link name')
  const bridgeName = options[`${bridge}name`] ?? ''
  if (bridgeName && !linkName.test(bridgeName)) throw refuse(`${bridge}name`, bridgeName, 'is not a link name')
  return {
    bridgeName: driver === 'bridge' ? bridgeName : '',
    interfacePrefix: prefix,
    hostAddress: readHostAddress(options[`${bridge}host_binding_ipv4`] ?? ''),
    parent: driver === 'bridge' ? '' : parent,
    mode: readMode(spec),
    mtu: readMtu(options[mtuOption]),
    gatewayModes: { 4: readGatewayMode(spec, 4), 6: readGatewayMode(spec, 6) },
    inhibitIpv4: driver === 'bridge' && readFlag(`${bridge}inhibit_ipv4`, options[`${bridge}inhibit_ipv4`] ?? 'false'),
  }
}

function readGatewayMode({ driver, options, internal }: Pick<NetworkSpec, 'driver' | 'options' | 'internal'>, family: 4 | 6): GatewayMode {
  const name = `${bridge}gateway_mode_ipv${family}`
  const value = (driver === 'bridge' && options[name]) || 'nat'
  const mode = gatewayModes.find((each) => each === value)
  if (!mode) throw refuse(name, value, `must be ${gatewayModes.join(', ')}`)
  if (mode === 'isolated' && !internal) throw refuse(name, value, 'is for internal networks')
  return mode
}

function readMode({ driver, options }: Pick<NetworkSpec, 'driver' | 'options'>): string {
  if (driver === 'bridge') return ''
  const known: readonly string[] = modes[driver]
  const mode = options[`${driver}_mode`] || known[0] || ''
  if (!known.includes(mode)) throw refuse(`${driver}_mode`, mode, `must be ${known.join(', ')}`)
  return mode
}

function readMtu(text: string | undefined): number {
  if (text === undefined) return 0
  const mtu = Number(text)
  if (!/^\d+$/.test(text) || (mtu !== 0 && (mtu < 68 || mtu > 65535))) throw refuse(mtuOption, text, 'must be from 68 to 65535')
  return mtu
}

function readHostAddress(text: string): string {
  if (text === '' || text === '0.0.0.0') return ''
  try {
    if (parseAddress(text).family === 4) return text
  } catch {
    // Told below.
  }
  throw refuse(`${bridge}host_binding_ipv4`, text, 'must be an IPv4 address')
}

function readFlag(name: string, value: string): boolean {
  if (['true', '1', 't', 'TRUE', 'True', 'T'].includes(value)) return true
  if (['false', '0', 'f', 'FALSE', 'False', 'F'].includes(value)) return false
  throw refuse(name, value, 'must be true or false')
}

function refuse(name: string, value: string, limit: string): GantryError {
  return new GantryError('invalid_input', `network option ${name}=${value} ${limit}`, { field: 'options', value, limit })
}
