/** Content of the files that a container gets over its own /etc/hosts and /etc/resolv.conf. */

export interface HostsRequest {
  readonly hostname: string
  readonly domainname?: string | undefined
  /** The container's own addresses, in the order of its endpoints. */
  readonly addresses: readonly string[]
  /** `name:address`; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[]
  /** Linked containers. */
  readonly links?: readonly { readonly address: string; readonly names: readonly string[] }[]
  /** What `host-gateway` stands for; null where the container has no way to the host. */
  readonly hostGateway: string | null
}

/** Lines with `host-gateway` are left out when there is none. */
export function hostsFile({ hostname, domainname, addresses, extraHosts, links = [], hostGateway }: HostsRequest): string {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ]
  lines.push(...extraLines(extraHosts, hostGateway))
  for (const { address, names } of links) lines.push(`${address}\t${names.join(' ')}`)
  const names = domainname ? `${hostname}.${domainname} ${hostname}` : hostname
  for (const address of addresses) lines.push(`${address}\t${names}`)
  return `${lines.join('\n')}\n`
}

function extraLines(extraHosts: readonly string[], hostGateway: string | null): string[] {
  return extraHosts.flatMap((entry) => {
    const colon = entry.indexOf(':')
    const name = entry.slice(0, colon)
    const target = entry.slice(colon + 1)
    const address = target === 'host-gateway' ? hostGateway : target.replace(/^\[(.*)\]$/, '$1')
    return address ? [`${address}\t${name}`] : []
  })
}

/** In the host's network: the host's own file, with what the container wants besides. */
export function hostsOfHost(text: string, extraHosts: readonly string[]): string {
  const extra = extraLines(extraHosts, '127.0.0.1')
  return extra.length > 0 ? `${text.replace(/\n*$/, '\n')}${extra.join('\n')}\n` : text
}

/** The file of a running container, with lines for the addresses that came and without those that went. */
export function changedHosts(text: string, names: string, came: readonly string[], went: readonly string[]): string {
  const lines = text.split('\n').filter((line) => !went.includes(line.split(/\s/)[0] ?? ''))
  while (lines.at(-1) === '') lines.pop()
  return `${[...lines, ...came.map((address) => `${address}\t${names}`)].join('\n')}\n`
}

export interface ResolvConf {
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

/** resolv.conf(5); the last `search` or `domain` line counts. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = []
  let search: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0]) nameservers.push(values[0])
    else if (keyword === 'search' || keyword === 'domain') search = values
    else if (keyword === 'options') options.push(...values)
  }
  return { nameservers, search, options }
}

export function formatResolvConf({ nameservers, search, options }: ResolvConf): string {
  const lines = nameservers.map((server) => `nameserver ${server}`)
  if (search.length > 0) lines.push(`search ${search.join(' ')}`)
  if (options.length > 0) lines.push(`options ${options.join(' ')}`)
  return `${lines.join('\n')}\n`
}

/**
 * The container asks our resolver, which asks `--dns` or the host's servers in turn. Search domains and options are the host's unless
 * given; a search domain `.` stands for none. Names of containers have no dots: unless said otherwise they are asked for as they are.
 */
export function containerResolvConf(request: {
  resolvers: readonly string[]
  search: readonly string[]
  options: readonly string[]
  host: ResolvConf
}): string {
  const search = request.search.length > 0 ? request.search.filter((domain) => domain !== '.') : request.host.search
  const isNdots = (option: string) => option.startsWith('ndots:')
  const wanted = request.options.length > 0 ? request.options : request.host.options.filter((option) => !isNdots(option))
  const options = wanted.some(isNdots) ? wanted : [...wanted, 'ndots:0']
  return formatResolvConf({ nameservers: request.resolvers.slice(0, 3), search, options })
}
