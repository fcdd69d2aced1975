import type { FileHandle } from 'node:fs/promises'
import { GantryError, type InputOf, type OutputOf, type ParsedInputOf } from '@gantry/contracts'
import { type Container, noSuchContainer } from '../container/container.ts'
import { emit, type Parts } from '../container/parts.ts'
import { limitsFor } from '../image/context.ts'
import { changedDocument, type RunConfig } from '../image/image-document.ts'
import type { ImageMaking, Lease } from '../image/make-image.ts'
import type { LayerRecord } from '../image/records.ts'
import { familiar, parseReference } from '../image/reference.ts'
import type { Archiver, LayerTar } from '../kernel/archiver.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import { mountPoints } from '../snapshot/mount-points.ts'
import type { RootfsSource } from '../ports.ts'
import { applyChanges } from './config-instructions.ts'
import { readInstructionLine } from './dockerfile/read-dockerfile.ts'

/** What making an image of files works with. */
export interface Workshop {
  readonly parts: Parts
  readonly archiver: Archiver
  readonly making: ImageMaking
}

/**
 * Makes an image of what a container wrote over its own: a layer of its writable folder, its command and environment as the image's.
 * A running container stands still meanwhile, unless asked otherwise.
 */
export async function commitContainer(
  shop: Workshop,
  container: Container,
  input: ParsedInputOf<'container.commit'>,
  signal: AbortSignal,
): Promise<OutputOf<'container.commit'>> {
  const { parts, making } = shop
  const { record } = container
  const references = input.reference === undefined ? [] : [nameOf(input.reference)]
  const lease = making.lease()
  try {
    const base = await making.find(record.projectId, record.image.id, lease)
    const config = applyChanges(runConfigOf(container, base.document.config ?? {}), readChanges(input.changes))
    const limits = limitsFor(input.limits)
    const layer = await frozen(parts, container, input.pause, () =>
      containerLayer(shop, container, { below: base.layers, lease, limits, signal }),
    )
    const created = new Date().toISOString()
    const { author, comment } = input
    const document = changedDocument(base.document, {
      ...{ created, author, comment, config },
      createdBy: record.args.join(' '),
      diffId: layer?.diffId,
    })
    const layers = layer ? [...base.layers, layer] : base.layers
    const id = await making.store({ document, layers }, { projectId: record.projectId, references, lease, limits })
    emit(parts, container, 'commit', { imageID: id, ...(references[0] ? { imageRef: familiar(references[0]) } : {}) })
    return { id }
  } finally {
    lease.release()
  }
}

/** A name for a new image; a digest is nothing that one can choose. */
export function nameOf(reference: string) {
  const parsed = parseReference(reference)
  if (parsed.digest)
    throw new GantryError('invalid_input', `cannot name an image by a digest: ${reference}`, { field: 'reference', value: reference })
  return parsed
}

export const readChanges = (changes: NonNullable<InputOf<'container.commit'>['changes']>) =>
  changes
    .flatMap((change) => change.split('\n'))
    .filter((line) => line.trim() !== '')
    .map((line) => readInstructionLine(line))

interface LayerJob {
  readonly below: readonly LayerRecord[]
  readonly lease: Lease
  readonly limits: UnpackLimits
  readonly signal?: AbortSignal | undefined
  /** What else is no part of the layer. */
  readonly skip?: readonly string[]
}

async function containerLayer(shop: Workshop, container: Container, job: LayerJob): Promise<LayerRecord | undefined> {
  if (container.removed) throw noSuchContainer(container.name)
  container.rootfs ??= await shop.parts.snapshots.prepare(container.id, container.record.image.layers)
  return ownLayer(shop, { id: container.id, rootfs: container.rootfs }, job)
}

/** What a container, or a layer of none, has of its own. */
export interface OwnFiles {
  readonly id: string
  readonly rootfs: RootfsSource
}

/** The folder that its files are written into from outside. */
export const ownFolder = (rootfs: RootfsSource): string => (rootfs.kind === 'tree' ? rootfs.folder : rootfs.upperDir)

/** The layer of what was written: deletions become whiteouts, replaced folders opaque ones. */
export function ownLayer(shop: Workshop, own: OwnFiles, job: LayerJob): Promise<LayerRecord | undefined> {
  const { below, signal, skip = [], ...rest } = job
  return shop.making.addLayer(below, { ...rest, signal, write: (file) => writeLayer(shop, own, { file, skip, signal }) })
}

async function writeLayer(
  { parts, archiver }: Workshop,
  { id, rootfs }: OwnFiles,
  { file, skip, signal }: { file: FileHandle; skip: readonly string[]; signal: AbortSignal | undefined },
): Promise<LayerTar> {
  const view = { kind: 'folder', path: ownFolder(rootfs), writable: false } as const
  if (rootfs.kind !== 'tree') {
    const engine = await mountPoints(rootfs.upperDir, rootfs.lowerDirs)
    const by = rootfs.kind === 'fuse' ? 'fuse' : 'kernel'
    return archiver.layer(view, file, { by, skip: [...engine, ...skip], signal })
  }
  const changes = (await parts.snapshots.diff(id)).map(({ kind, path }) => ({ deleted: kind === 'deleted', path: path.slice(1) }))
  return archiver.changes(view, file, { changes: changes.filter(({ path }) => !skip.includes(path)), signal })
}

async function frozen<T>(parts: Parts, container: Container, pause: boolean, work: () => Promise<T>): Promise<T> {
  if (!pause || container.state.status !== 'running') return work()
  return parts.locks.run(container.id, async () => {
    if (container.state.status !== 'running') return work()
    const entry = parts.journal.begin('commit', container.id)
    try {
      await parts.cgroups.freeze(container.group)
      return await work()
    } finally {
      await parts.cgroups.thaw(container.group)
      parts.journal.end(entry)
    }
  })
}

/** The container's own settings over its image's. */
function runConfigOf(container: Container, image: RunConfig): RunConfig {
  const { spec } = container.record
  const ports = Object.fromEntries(spec.exposedPorts.map((port) => [port, {}]))
  const check = spec.healthcheck
  return {
    ...image,
    Entrypoint: spec.entrypoint?.length ? spec.entrypoint : null,
    Cmd: spec.command?.length ? spec.command : null,
    Env: spec.env.filter((entry) => entry.includes('=')),
    Labels: spec.labels,
    WorkingDir: spec.workingDir ?? '',
    User: spec.user ?? '',
    ...(Object.keys(ports).length > 0 ? { ExposedPorts: ports } : {}),
    ...(spec.stopSignal && spec.stopSignal !== 'SIGTERM' ? { StopSignal: spec.stopSignal } : {}),
    ...(check ? { Healthcheck: dockerHealthcheck(check) } : {}),
    OnBuild: null,
  }
}

function dockerHealthcheck(check: NonNullable<Container['record']['spec']['healthcheck']>): RunConfig['Healthcheck'] {
  return {
    Test: check.test,
    Interval: check.intervalMs * 1e6,
    Timeout: check.timeoutMs * 1e6,
    StartPeriod: check.startPeriodMs * 1e6,
    StartInterval: check.startIntervalMs * 1e6,
    Retries: check.retries,
  }
}
