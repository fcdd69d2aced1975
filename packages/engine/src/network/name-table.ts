import { isIP } from 'node:net'
import type { Subnet } from './address.ts'
import { formatSubnet } from './address.ts'

/** A container on one network, as its neighbours know it. */
export interface Place {
  readonly containerId: string
  readonly networkId: string
  /** Name of the network. */
  readonly network: string
  /** The first one is what its addresses are called. */
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

/** A container as one that asks. */
export interface Client {
  readonly containerId: string
  /** Where other questions go; `host` are the host's servers, an empty list is nowhere. */
  readonly servers: readonly string[] | 'host'
  /** Names that this container alone has for others: network id, alias, and the other's name or id. */
  readonly links: readonly (readonly [networkId: string, alias: string, target: string])[]
  /** Key of the sockets at 127.0.0.11 in its namespace; '' for none. */
  readonly door: string
}

export type Words = readonly (string | number)[]

const list = (items: readonly string[]) => items.join(',') || '-'
/** Networks and containers are told apart by so much of their id. */
const short = (id: string) => id.slice(0, 12)
/** What the wire and the protocol take. Names are made of such characters; whatever else got into a record resolves nothing. */
const isName = (name: string) => /^[a-z0-9_.-]{1,253}$/.test(name)

/** Everybody is known by every name, and by that with the network's behind it, as in docker. */
export function placeWords({ containerId, networkId, network, names, addresses }: Place): Words {
  const plain = names.map((name) => name.toLowerCase())
  const all = [...plain, ...plain.map((name) => `${name}.${network.toLowerCase()}`)].filter(isName)
  const pointer = `${names[0] ?? ''}.${network}`
  return [
    'place',
    containerId,
    short(networkId),
    isName(pointer.toLowerCase()) ? pointer : short(containerId),
    list(addresses),
    list([...new Set(all)]),
  ]
}

export function leaveWords(containerId: string, networkId: string): Words {
  return ['leave', containerId, short(networkId)]
}

export function clientWords({ containerId, servers, links, door }: Client): Words {
  const own = links.map(([networkId, alias, target]) => {
    // Names hold short ids.
    const wanted = /^[0-9a-f]{13,64}$/.test(target) ? short(target) : target.toLowerCase()
    return `${short(networkId)}/${alias.toLowerCase()}/${wanted}`
  })
  return ['client', containerId, servers === 'host' ? 'host' : serverList(servers), list(own), door || '-']
}

export function hostWords(servers: readonly string[]): Words {
  return ['host', serverList(servers)]
}

/** Link-local servers with a scope are left out: they are the business of one link. */
function serverList(servers: readonly string[]): string {
  return list(servers.filter((server) => isIP(server) > 0 && !server.includes('%')))
}

export function subnetWords(subnets: readonly Subnet[]): Words {
  return ['subnets', list(subnets.map(formatSubnet))]
}
