import { GantryError } from '@gantry/contracts'

export interface EndpointOptions {
  /** Name of the interface inside; '' for the next free one. */
  readonly interfaceName: string
  /** Paths below /proc/sys/net with their values; `IFNAME` stands for the interface. */
  readonly sysctls: readonly (readonly [path: string, value: string])[]
}

const interfaceOption = 'com.docker.network.endpoint.ifname'
const sysctlOption = 'com.docker.network.endpoint.sysctls'

/** What docker's endpoint options come to. Throws `invalid_input`. */
export function endpointOptions(options: Readonly<Record<string, string>> = {}): EndpointOptions {
  const interfaceName = options[interfaceOption] ?? ''
  if (interfaceName && (!/^[^\s/:%]{1,15}$/.test(interfaceName) || ['.', '..', 'lo', 'all', 'default'].includes(interfaceName)))
    throw refuse(interfaceOption, interfaceName, 'is not a name for a link')
  const sysctls = (options[sysctlOption] ?? '').split(',').flatMap((entry) => (entry ? [readSysctl(entry.trim())] : []))
  return { interfaceName, sysctls }
}

/** `net.ipv4.conf.IFNAME.log_martians=1`: only settings of this very interface. */
function readSysctl(entry: string): readonly [string, string] {
  const match = /^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.IFNAME\.([a-z0-9_]+)=([^\0]+)$/.exec(entry)
  if (!match) throw refuse(sysctlOption, entry, 'must be like net.ipv4.conf.IFNAME.log_martians=1')
  const [, family, kind, name, value = ''] = match
  return [`net/${family}/${kind}/IFNAME/${name}`, value]
}

function refuse(name: string, value: string, limit: string): GantryError {
  return new GantryError('invalid_input', `endpoint option ${name}=${value} ${limit}`, { field: 'endpoints.driverOptions', value, limit })
}
