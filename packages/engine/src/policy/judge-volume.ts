import type { MountSpec, Policy } from '@gantry/contracts'
import { forbidden, judgeHostPath } from './host-path.ts'

/** A volume's driver and options as they are asked for, by itself or by a mount that makes it. */
interface Asked {
  readonly driver: string
  readonly options: Readonly<Record<string, string>>
}

/** `mounts` of a spec that make volumes; adds the canonical paths of their binds to `paths`. */
export async function judgeVolumeMounts(
  mounts: readonly MountSpec[],
  policy: Policy,
  { ownFolders, paths }: { ownFolders: readonly string[]; paths: Map<string, string> },
): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== 'volume') continue
    const { driver = 'local', driverOptions: options = {} } = mount
    const path = await judgeVolume({ driver, options }, policy, ownFolders)
    if (path !== undefined && options.device !== undefined) paths.set(options.device, path)
  }
}

/**
 * A volume can be a bind mount by another name (`type=none,o=bind,device=/etc`), a disk, a server, or whatever a plugin on the host
 * makes of its options: it is judged as what it is, whichever route it came by. Returns the canonical path of a bind.
 */
export async function judgeVolume({ driver, options }: Asked, policy: Policy, ownFolders: readonly string[]): Promise<string | undefined> {
  if (driver !== 'local') {
    if (!policy.hostAccess) throw forbidden('driver', driver, `volume driver ${driver} is not allowed here`, 'use the local driver')
    return undefined
  }
  const device = bindDevice(options)
  if (device !== undefined) return judgeHostPath(device, policy, { ownFolders })
  if (policy.hostAccess || Object.keys(options).length === 0 || options.type === 'tmpfs') return undefined
  throw forbidden('options', options.type ?? '', `a volume on ${options.device ?? 'a device of the host'} is not allowed here`)
}

function bindDevice({ o = '', device }: Readonly<Record<string, string>>): string | undefined {
  return o.split(',').some((word) => word === 'bind' || word === 'rbind') && device?.startsWith('/') ? device : undefined
}
