import { type ContainerSpec, GantryError, type Policy } from '@gantry/contracts'
import { checkResources } from '../cgroup/check-resources.ts'
import { createHostFacts, type HostFacts } from '../cgroup/host-facts.ts'
import { canonicalPath, isBelow } from './bind-sources.ts'
import { fieldRules } from './field-rules.ts'

export interface PolicyContext {
  /** Canonical path of a host path, its missing tail included; through the file system when absent. */
  readonly resolvePath?: (path: string) => Promise<string>
  /** The engine's own folders: nobody without host access mounts them, nor anything that contains them. */
  readonly ownFolders?: readonly string[]
  /** The machine whose limits bound everybody; this one when absent. */
  readonly facts?: HostFacts
}
export interface PolicyVerdict {
  /** Bind source as asked → canonical host path that was judged. Mount this one, and without following links in it. */
  readonly paths: ReadonlyMap<string, string>
}

const machine = createHostFacts()

/**
 * Judges the final, normalised spec, whichever door it came through. Throws `forbidden` naming the first field that the
 * policy does not allow, `invalid_input` for what nobody may ask for, limits that this machine cannot give included.
 */
export async function checkPolicy(spec: ContainerSpec, policy: Policy, context: PolicyContext = {}): Promise<PolicyVerdict> {
  for (const [field, rule] of Object.entries(fieldRules)) {
    const refusal = rule(spec, policy)
    if (refusal) throw forbidden(refusal.field ?? field, refusal.value, refusal.text, refusal.remedy)
  }
  checkResources(spec.resources, context.facts ?? machine)
  return { paths: await checkBinds(spec, policy, context) }
}

/**
 * Where the kernel, the engines of this machine and their sockets live: root on the host in one mount, however generous the
 * list of allowed folders is.
 */
const hostFolders = [
  '/proc',
  '/sys',
  '/dev',
  '/boot',
  '/var/lib/gantry',
  '/run/gantry',
  '/var/lib/docker',
  '/run/docker.sock',
  '/run/containerd',
]

/** Sources are compared as what they lead to: a symbolic link out of an allowed folder allows nothing. */
async function checkBinds(spec: ContainerSpec, policy: Policy, context: PolicyContext): Promise<Map<string, string>> {
  const resolvePath = context.resolvePath ?? canonicalPath
  const paths = new Map<string, string>()
  const binds = spec.mounts.filter((mount) => mount.type === 'bind')
  if (binds.length === 0) return paths
  const [allowed, own] = await Promise.all([
    Promise.all(policy.bindSources.map(resolvePath)),
    Promise.all([...hostFolders, ...(context.ownFolders ?? [])].map(resolvePath)),
  ])
  for (const { source } of binds) {
    const path = await resolvePath(source)
    const leadsTo = path === source ? '' : `, which leads to ${path},`
    if (!isBelow(path, allowed)) {
      const remedy = allowed.length > 0 ? `choose a folder below ${policy.bindSources.join(', ')}, or use a volume` : 'use a volume'
      throw forbidden('mounts', source, `host folder ${source}${leadsTo} may not be mounted`, remedy)
    }
    const touched = policy.hostAccess ? undefined : own.find((folder) => isBelow(path, [folder]) || isBelow(folder, [path]))
    if (touched !== undefined) {
      throw forbidden('mounts', source, `host folder ${source}${leadsTo} may not be mounted: it gives access to ${touched}`)
    }
    paths.set(source, path)
  }
  return paths
}

function forbidden(field: string, value: string, text: string, remedy = 'ask a host administrator'): GantryError {
  return new GantryError('forbidden', text, { field, value, remedy })
}
