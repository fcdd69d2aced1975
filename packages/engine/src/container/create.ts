import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { GantryError, SYSTEM_PROJECT, type ContainerSpec, type MountSpec, type Policy } from '@gantry/contracts'
import { apparmorIsOn } from '../kernel/apparmor.ts'
import { createFile } from '../lib/atomic-file.ts'
import { faultPoint } from '../lib/fault.ts'
import { rfc3339 } from '../lib/time.ts'
import { UndoStack } from '../lib/undo.ts'
import { checkPolicy, type PolicyVerdict } from '../policy/check-policy.ts'
import type { ResolvedImage } from '../ports.ts'
import { Container } from './container.ts'
import { checkJoined, joinById } from './joined.ts'
import { randomName } from './names.ts'
import { normaliseSpec } from './normalise.ts'
import { type Parts, emit } from './parts.ts'
import type { ContainerRecord } from './record.ts'
import { takeMounts } from './taken-mounts.ts'

export interface CreateRequest {
  readonly projectId: string
  readonly operationId?: string
  readonly spec: ContainerSpec
  readonly policy: Policy
  /** A step of a build, on what is no image yet. */
  readonly forBuild?: { readonly image: ResolvedImage }
}

/**
 * Makes a container without starting it: name, folder, writable layer, volumes, pin on its image. `spec.json` commits it; whatever is
 * found of an id without one is undone.
 */
export async function createContainer(parts: Parts, request: CreateRequest): Promise<Container> {
  const { projectId } = request
  const projectBase = parts.idBase(projectId)
  if (projectId === SYSTEM_PROJECT) throw new GantryError('forbidden', 'nothing runs in the system project')
  const id = randomBytes(32).toString('hex')
  const name = request.spec.name ?? randomName((candidate) => parts.store.nameTaken(projectId, candidate))
  parts.store.reserveName(projectId, name, id)
  const undo = new UndoStack()
  undo.push('name', () => parts.store.releaseName(projectId, name, id))
  const entry = parts.journal.begin('create', id)
  try {
    const image = request.forBuild?.image ?? (await parts.images.resolve(projectId, request.spec.image))
    const { spec, args, warnings } = await decide(parts, request, image, id)
    const idBase = spec.userns === 'host' ? 0 : projectBase
    const record = { version: 1, id, projectId, name, createdAt: rfc3339(), spec, args, idBase, warnings } as const
    const container = await make(
      parts,
      undo,
      { ...record, operationId: request.operationId, ...(request.forBuild ? { forBuild: true } : {}) },
      image,
    )
    undo.discard()
    parts.store.add(container)
    emit(parts, container, 'create')
    return container
  } catch (error) {
    await undo.run((step, failure) => parts.config.log('error', 'undo of create failed', { container: id, step, error: String(failure) }))
    throw error
  } finally {
    parts.journal.end(entry)
  }
}

/** The final spec: normalised, other containers named by id, allowed by policy and machine, with the paths that the policy judged. */
export async function decide(parts: Parts, request: Omit<CreateRequest, 'operationId'>, image: ResolvedImage, id: string) {
  const asked = takeMounts(parts, request.projectId, joinById(parts, request.projectId, request.spec))
  const normalised = normaliseSpec(asked, image.config, id)
  checkJoined(parts, request.projectId, normalised.spec)
  const verdict = await checkPolicy(normalised.spec, request.policy, { ownFolders: [parts.config.dataDir, parts.config.runDir] })
  checkProfile(normalised.spec)
  checkWritable(parts, normalised.spec, request.policy)
  await checkSize(parts, normalised.spec)
  const left = parts.cgroups.check(request.projectId, normalised.spec.resources)
  const spec = judgedPaths(normalised.spec, verdict)
  const warnings = [...normalised.warnings, ...left]
  if (parts.canShiftIds || spec.userns === 'host') return { ...normalised, spec, warnings }
  // Decided by the machine and not asked for, hence after the policy.
  warnings.push('the data folder cannot be mounted with shifted ids: container root is host root, with fewer capabilities')
  return { ...normalised, spec: { ...spec, userns: 'host' as const }, warnings }
}

/** A profile that cannot confine is worse than none: it would be believed in. */
function checkProfile({ apparmor }: ContainerSpec): void {
  if (apparmor === undefined || apparmor === 'unconfined') return
  if (apparmorIsOn()) return
  throw new GantryError('unsupported', `AppArmor profile ${apparmor} cannot be used: AppArmor is not on in this kernel`, {
    field: 'apparmor',
    value: apparmor,
    remedy: 'leave it out, or boot with apparmor=1 security=apparmor',
  })
}

function checkWritable(parts: Parts, spec: ContainerSpec, policy: Policy): void {
  if (!spec.writableCgroups) return
  const refuse = (why: string, remedy: string) => {
    throw new GantryError('unsupported', `writable cgroups ${why}`, { field: 'writableCgroups', value: 'true', remedy })
  }
  if (parts.cgroups.version !== 'v2') refuse('need cgroup v2: older groups cannot be left to a container', 'leave them out')
  if (spec.cgroupnsMode === 'host') refuse('exclude cgroupns host, which shows the groups of others', 'leave cgroupns out')
  if (!parts.canShiftIds && !policy.hostAccess) refuse('need ids of its own, which this data folder cannot give', 'leave them out')
}

/** Docker's words, though ext4 will do as well. */
async function checkSize(parts: Parts, { storageSizeBytes: size }: ContainerSpec): Promise<void> {
  if (size === undefined || (await parts.snapshots.canLimit())) return
  throw new GantryError('invalid_input', "--storage-opt is supported only for overlay over xfs with 'pquota' mount option", {
    field: 'storageSizeBytes',
    value: String(size),
    remedy: 'put GANTRY_DATA on xfs or ext4, mount that with prjquota, and use storage driver overlay2; or leave it out',
  })
}

function judgedPaths(spec: ContainerSpec, verdict: PolicyVerdict): ContainerSpec {
  const judged = (path: string) => verdict.paths.get(path) ?? path
  return {
    ...spec,
    mounts: spec.mounts.map((mount) => judgedMount(mount, judged)),
    devices: spec.devices.map((device) => ({
      ...device,
      hostPath: judged(device.hostPath),
      containerPath: device.containerPath ?? device.hostPath,
    })),
  }
}

function judgedMount(mount: MountSpec, judged: (path: string) => string): MountSpec {
  if (mount.type === 'bind') return { ...mount, source: judged(mount.source) }
  const device = mount.type === 'volume' ? mount.driverOptions?.device : undefined
  if (mount.type !== 'volume' || device === undefined) return mount
  return { ...mount, driverOptions: { ...mount.driverOptions, device: judged(device) } }
}

/** The image that it runs and those whose files it mounts: none of them may go while it is there. */
export async function pinImages(parts: Pick<Parts, 'images'>, record: Pick<ContainerRecord, 'id' | 'projectId' | 'image' | 'mounts'>) {
  const mounted = record.mounts.flatMap(({ imageId }) => imageId ?? [])
  await Promise.all([record.image.id, ...mounted].map((imageId) => parts.images.addUser(imageId, record.id, record.projectId)))
}

/** The steps that leave something behind. */
async function make(
  parts: Parts,
  undo: UndoStack,
  facts: Omit<ContainerRecord, 'image' | 'mounts'>,
  image: ResolvedImage,
): Promise<Container> {
  const { id, projectId, spec } = facts
  const folder = parts.store.folder(id)
  undo.push('folder', () => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(`${folder}/log`, { recursive: true, mode: 0o700 })
  faultPoint('create.folder')
  undo.push('image', () => parts.images.removeUser(id))
  undo.push('volumes', () => parts.volumes.release(id, true))
  undo.push('snapshot', () => parts.snapshots.remove(id))
  const resolveImage = (reference: string) => parts.images.resolve(projectId, reference)
  const [rootfs, mounts] = await settleBoth(
    parts.snapshots.prepare(id, image.layers, spec.storageSizeBytes),
    parts.volumes.resolve({
      projectId,
      containerId: id,
      mounts: spec.mounts,
      imageVolumes: image.config.volumes,
      idBase: facts.idBase,
      resolveImage,
    }),
    parts.images.addUser(image.id, id, projectId),
  )
  faultPoint('create.snapshot')
  const record: ContainerRecord = { ...facts, image: { id: image.id, reference: image.reference, layers: [...image.layers] }, mounts }
  await pinImages(parts, record)
  await createFile(`${folder}/spec.json`, record)
  faultPoint('create.commit')
  const container = new Container(record)
  container.rootfs = rootfs
  return container
}

/** As Promise.all, but an undo that follows finds nothing still under way. */
async function settleBoth<A, B, C>(first: Promise<A>, second: Promise<B>, third: Promise<C>): Promise<[A, B, C]> {
  const [a, b, c] = await Promise.allSettled([first, second, third])
  if (a.status === 'rejected') throw a.reason
  if (b.status === 'rejected') throw b.reason
  if (c.status === 'rejected') throw c.reason
  return [a.value, b.value, c.value]
}
