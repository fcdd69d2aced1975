import { type ContainerSpec, hostAdminPolicy } from '@gantry/contracts'
import { planStart, planToOps } from '../plan/plan.ts'
import type { ResolvedMount } from '../ports.ts'
import { tmpfsOptions } from '../volume/resolved-mount.ts'
import { decide } from './create.ts'
import { deviceRules } from './device-rules.ts'
import { monitorDir, type Parts } from './parts.ts'

/** Stands for the id in a plan that is only shown. */
const placeholderId = '0'.repeat(64)

/**
 * The operations that a start of this spec would carry out. Nothing is made: folders that a create would choose are shown where they
 * would be, and the sandbox that the network would give is shown as one taken from the pool.
 */
export async function planOnly(parts: Parts, projectId: string, asked: ContainerSpec): Promise<string[][]> {
  const base = parts.idBase(projectId)
  const image = await parts.images.resolve(projectId, asked.image)
  const { spec, args } = await decide(parts, { projectId, spec: asked, policy: hostAdminPolicy }, image, placeholderId)
  const group = { projectId, containerId: placeholderId, parent: spec.cgroupParent }
  const folder = parts.store.folder(placeholderId)
  const layers = await parts.snapshots.withLowerView(image.layers, async (lowerDirs) => lowerDirs)
  const ops = planToOps(
    planStart({
      containerId: placeholderId,
      spec: { ...spec, apparmor: (await parts.apparmorProfile(spec)) || undefined },
      image: { entrypoint: [], command: args, env: [], user: '', workingDir: '' },
      rootfs: { kind: 'overlay', lowerDirs: layers, upperDir: `${folder}/upper`, workDir: `${folder}/work` },
      mounts: spec.mounts.map(plannedMount),
      sandbox: { namespaceOps: sandboxOps(spec, base) },
      cgroupOps: parts.cgroups.createOps(group, spec.resources, deviceRules(spec)).ops,
      cgroupEnterOps: parts.cgroups.enterOps(group),
      seccompFile: await parts.seccompFile(spec),
      nativeDir: parts.config.nativeDir,
      monitorDir: monitorDir(parts.config, placeholderId),
      files: { hosts: `${folder}/hosts`, hostname: `${folder}/hostname`, resolvConf: `${folder}/resolv.conf` },
      logPath: `${folder}/log/container.log`,
      exitFile: `${folder}/exit.json`,
      joinPid: { pid: 1, ipc: 1 },
      hostCapabilities: parts.hostCapabilities,
    }),
  )
  return ops.map((op) => [...op])
}

function sandboxOps(spec: ContainerSpec, idBase: number): [string, ...string[]][] {
  if (spec.networkMode === 'host') return []
  if (spec.userns === 'host') return [['netns.new']]
  return [
    ['sandbox.new', placeholderId.slice(0, 12), String(idBase)],
    ['sandbox', placeholderId.slice(0, 12)],
  ]
}

/** Volumes are shown by name, images by reference: where their files lie is known once they are made. */
function plannedMount(mount: ContainerSpec['mounts'][number]): ResolvedMount {
  const common = { target: mount.target, propagation: 'rprivate', recursive: true, copyUp: false, idmapped: false }
  switch (mount.type) {
    case 'tmpfs':
      return { ...common, type: 'tmpfs', source: '', readOnly: mount.readOnly, tmpfs: tmpfsOptions(mount) }
    case 'image':
      return { ...common, type: 'image', source: mount.source, subpath: mount.subpath, readOnly: true, idmapped: true }
    case 'volume': {
      const source = mount.source ?? '(anonymous volume)'
      return { ...common, type: 'volume', name: mount.source, source, subpath: mount.subpath, readOnly: mount.readOnly, idmapped: true }
    }
    case 'bind': {
      const { type, source, readOnly, propagation, recursive, readOnlyRecursive } = mount
      return { ...common, type, source, readOnly, propagation, recursive, readOnlyRecursive }
    }
  }
}
