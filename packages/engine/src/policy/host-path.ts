import { GantryError, type Policy } from '@gantry/contracts'
import { canonicalPath, isBelow } from './bind-sources.ts'

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

interface HostPathContext {
  readonly resolvePath?: (path: string) => Promise<string>
  readonly ownFolders?: readonly string[]
}

/**
 * Judges a path of the host that is to be mounted, as what it leads to: a symbolic link out of an allowed folder allows nothing.
 * Returns its canonical form.
 */
export async function judgeHostPath(source: string, policy: Policy, context: HostPathContext): Promise<string> {
  const resolvePath = context.resolvePath ?? canonicalPath
  const [allowed, own, path] = await Promise.all([
    Promise.all(policy.bindSources.map(resolvePath)),
    Promise.all([...hostFolders, ...(context.ownFolders ?? [])].map(resolvePath)),
    resolvePath(source),
  ])
  const leadsTo = path === source ? '' : `, which leads to ${path},`
  if (!isBelow(path, allowed)) {
    const remedy = allowed.length > 0 ? `choose a folder below ${policy.bindSources.join(', ')}, or use a volume` : 'use a volume'
    throw forbidden('mounts', source, `host folder ${source}${leadsTo} may not be mounted`, remedy)
  }
  const touched = policy.hostAccess ? undefined : own.find((folder) => isBelow(path, [folder]) || isBelow(folder, [path]))
  if (touched !== undefined) {
    throw forbidden('mounts', source, `host folder ${source}${leadsTo} may not be mounted: it gives access to ${touched}`)
  }
  return path
}

export function forbidden(field: string, value: string, text: string, remedy = 'ask a host administrator'): GantryError {
  return new GantryError('forbidden', text, { field, value, remedy })
}
