import { type ChildProcess, spawn } from 'node:child_process'
import type { FileHandle } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { GantryError } from '@gantry/contracts'
import { tarHeader, tarPadding } from '../image/tar.ts'
import { widenPipe } from './socket-buffer.ts'
import { feed, noEnvironment, type Report, run, type UnpackLimits } from './unpack.ts'

/** What of the machine an operation sees: nothing but this, with its root there. See native/src/archive.h. */
export type View =
  | {
      /** A running container as it sees itself, volumes and tmpfs included, with its ids. */
      readonly kind: 'process'
      readonly pid: number
      readonly startTicks: number
      /** `cgroup.procs` files to enter, so that what is written counts against the container. */
      readonly groups: readonly string[]
    }
  | {
      /** Layers put together anew, with the ids on the disk, which are the container's. */
      readonly kind: 'stack'
      /** Topmost first. */
      readonly lowerDirs: readonly string[]
      /** A container's own layer; it is read-only without `workDir`. */
      readonly upperDir?: string
      readonly workDir?: string
      /** In place of layers: one folder that has everything in it. */
      readonly tree?: { readonly folder: string; readonly writable: boolean }
      readonly mounts: readonly { readonly source: string; readonly target: string; readonly flags: readonly ('ro' | 'strict' | 'rec')[] }[]
    }
  | { readonly kind: 'folder'; readonly path: string; readonly writable: boolean }

export interface FileStat {
  readonly type: 'file' | 'folder' | 'link' | 'special'
  /** st_mode, type bits included. */
  readonly mode: number
  readonly size: number
  readonly mtimeMs: number
  readonly uid: number
  readonly gid: number
  /** Of a link: what it leads to in the end, as a path inside the view; '' for others. */
  readonly target: string
}

export interface ListedFile {
  /** Relative to the folder that was listed. */
  readonly path: string
  readonly type: FileStat['type']
  readonly mode: number
  readonly size: number
  /** Of a link: its text. */
  readonly target: string
  /** sha256 of a file's content, in hex; '' when it was not asked for. */
  readonly digest: string
}

export interface PutOptions {
  /** Folder that the tar is written into. */
  readonly path: string
  /** `mkdir`: make it; `strict`: folders and other things never replace each other; `follow`: links to folders stay; `self`: the tar's own folder gives the view's its owner and mode. */
  readonly flags: readonly ('mkdir' | 'strict' | 'follow' | 'self')[]
  /** Of everything that is written; absent: the tar's. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  readonly mode?: number | undefined
  readonly limits: UnpackLimits
  readonly signal?: AbortSignal | undefined
}

export interface LayerTar {
  /** sha256 of the tar. */
  readonly digest: string
  readonly bytes: number
  readonly entries: number
  readonly fileBytes: number
}

export interface LayerChange {
  /** Without a leading slash. */
  readonly path: string
  readonly deleted: boolean
}

/** Where a thing of the view is to be in the tar; without a name, only what is in the folder. */
export interface Item {
  readonly path: string
  readonly name: string
}

/** The native archiver: each call is one confined process. Paths are the view's; links are followed inside it. */
export interface Archiver {
  /** Throws `not_found`. `follow`: of what a last link leads to. */
  stat(view: View, path: string, options?: { follow?: boolean }): Promise<FileStat>
  read(view: View, path: string, maxBytes: number): Promise<Buffer>
  list(view: View, path: string, options: { sum: boolean; signal?: AbortSignal | undefined }): Promise<ListedFile[]>
  /** True for a tar archive that `put` can read, compressed or not. */
  isTar(view: View, path: string): Promise<boolean>
  /** A tar of these things; `oneMount`: mount points are empty. `onBytes` is told each piece and waited for. */
  get(view: View, items: readonly Item[], sink: Sink & { oneMount?: boolean }): Promise<{ bytes: number }>
  /** The overlayfs upper folder that the view is, written by the kernel or fuse-overlayfs, as a layer's tar in `file`; `skip` is left out. */
  layer(
    view: View,
    file: FileHandle,
    options: { by: 'kernel' | 'fuse'; skip: readonly string[]; signal?: AbortSignal | undefined },
  ): Promise<LayerTar>
  /** A layer's tar of single things of the view, and of names that are deleted. */
  changes(view: View, file: FileHandle, options: { changes: readonly LayerChange[]; signal?: AbortSignal | undefined }): Promise<LayerTar>
  /** A socket is handed to the program itself, and no byte passes through here. */
  put(
    view: View,
    input: AsyncIterable<Uint8Array> | FileHandle | Socket,
    options: PutOptions,
  ): Promise<{ bytes: number; fileBytes: number }>
  /** One file with this text. */
  writeFile(view: View, file: { folder: string; name: string; text: string; mode: number; limits: UnpackLimits }): Promise<void>
  /** `get` of one view into `put` of another, without a way through this process. */
  copy(from: View, items: readonly Item[], to: View, options: PutOptions): Promise<void>
  /** Makes the folder with all above it. False: it was there. */
  makeFolder(view: View, path: string, owner?: { uid: number; gid: number }): Promise<boolean>
}

export interface Sink {
  readonly onBytes: (bytes: Uint8Array) => Promise<void>
  readonly signal?: AbortSignal | undefined
}

/** Ids of a user namespace; on the disk no others may appear either. */
const idsOfContainer = 65_536

/** Makes the archiver of `<nativeDir>/gantry-archive`. `scratchDir` is an empty folder that stays one. */
export function createArchiver(options: { nativeDir: string; scratchDir: string }): Archiver {
  const program = join(options.nativeDir, 'gantry-archive')
  const start = (view: View, operation: readonly string[], stdio: Stdio = {}): ChildProcess =>
    spawn(program, [...viewArguments(view, options.scratchDir), ...operation], {
      stdio: [stdio.input ?? 'ignore', stdio.output ?? 'ignore', 'pipe', 'pipe'],
      env: noEnvironment,
      cwd: '/',
    })
  return {
    stat: async (view, path, { follow = false } = {}) => toStat(await lastReport(start(view, [follow ? 'look' : 'stat', path]))),
    read: (view, path, maxBytes) => readFile(start(view, ['read', path, String(maxBytes)], { output: 'pipe' })),
    list: async (view, path, { sum, signal }) => {
      const files: ListedFile[] = []
      const onReport = (report: Report) => void (report.event === 'entry' && files.push(toListed(report)))
      await run(start(view, ['list', path, sum ? 'sum' : 'plain']), { signal, onReport })
      return files
    },
    isTar: async (view, path) => (await lastReport(start(view, ['sniff', path]))).tar === true,
    get: async (view, items, sink) => {
      const operation = ['get', sink.oneMount ? 'onemount' : '-', ...itemArguments(items)]
      return toBytes(await drain(start(view, operation, { output: 'pipe' }), sink))
    },
    layer: async (view, file, { by, skip, signal }) =>
      toLayer(await lastReport(start(view, ['layer', by, ...skip], { output: file.fd }), signal)),
    changes: async (view, file, { changes, signal }) => {
      const child = start(view, ['changes'], { input: 'pipe', output: file.fd })
      const words = changes.map(({ path, deleted }) => `${deleted ? 'D' : 'M'}${path}\0`)
      // EPIPE: the child is gone, and says why in its report.
      child.stdin?.on('error', () => undefined).end(words.join(''))
      return toLayer(await lastReport(child, signal))
    },
    put: async (view, input, put) => toBytes(await putInto(start, view, input, put)),
    writeFile: async (view, { folder, name, text, mode, limits }) => {
      const content = Buffer.from(text)
      const tar = Readable.from([tarHeader(name, content.length), content, tarPadding(content.length), Buffer.alloc(1024)])
      await putInto(start, view, tar, { path: folder, flags: [], mode, limits })
    },
    copy: (from, items, to, put) => copyBetween(start, { from, items, to, put }),
    makeFolder: async (view, path, owner) =>
      (await lastReport(start(view, ['mkdir', path, ownerArgument(owner), String(idsOfContainer)]))).made === true,
  }
}

interface Stdio {
  readonly input?: 'pipe' | number | Socket
  readonly output?: 'pipe' | number | Writable
}
type Start = (view: View, operation: readonly string[], stdio?: Stdio) => ChildProcess

function viewArguments(view: View, scratchDir: string): string[] {
  switch (view.kind) {
    case 'process':
      return ['process', String(view.pid), String(view.startTicks), String(view.groups.length), ...view.groups]
    case 'folder':
      return ['folder', view.path, view.writable ? 'rw' : 'ro']
    case 'stack': {
      const { lowerDirs, mounts } = view
      const mountArguments = mounts.flatMap(({ source, target, flags }) => [source, target, flags.join(',') || '-'])
      const own = view.tree ? [view.tree.folder, view.tree.writable ? 'tree-rw' : 'tree-ro'] : [view.upperDir ?? '-', view.workDir ?? '-']
      const folders = [scratchDir, ...own, String(lowerDirs.length), ...lowerDirs]
      return ['stack', ...folders, String(mounts.length), ...mountArguments]
    }
  }
}

const itemArguments = (items: readonly Item[]) => items.flatMap(({ path, name }) => [path, name])
const ownerArgument = (owner: { uid: number; gid: number } | undefined) => (owner ? `${owner.uid}:${owner.gid}` : '-')

function putArguments({ path, flags, owner, mode, limits }: PutOptions): string[] {
  const bounds = [limits.maxBytes, limits.maxRatio, limits.maxEntries, limits.reserveBytes, idsOfContainer]
  return [
    'put',
    path,
    flags.join(',') || '-',
    ownerArgument(owner),
    mode === undefined ? '-' : mode.toString(8),
    ...bounds.map((bound) => String(Math.floor(bound))),
  ]
}

async function lastReport(child: ChildProcess, signal?: AbortSignal): Promise<Report> {
  const [done] = await run(child, { signal })
  return done ?? {}
}

/** Passes on what the child writes, and waits for its verdict. A sink that fails ends the child. */
async function drain(child: ChildProcess, sink: Sink): Promise<Report> {
  const reading = (async () => {
    try {
      for await (const chunk of child.stdout as Readable) await sink.onBytes(chunk as Uint8Array)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  })()
  const [read, ran] = await Promise.allSettled([reading, run(child, { signal: sink.signal })])
  if (read.status === 'rejected') throw read.reason
  if (ran.status === 'rejected') throw ran.reason
  return ran.value[0] ?? {}
}

async function readFile(child: ChildProcess): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  await drain(child, { onBytes: async (bytes) => void chunks.push(bytes) })
  return Buffer.concat(chunks)
}

async function putInto(start: Start, view: View, input: AsyncIterable<Uint8Array> | FileHandle | Socket, put: PutOptions): Promise<Report> {
  if (input instanceof Socket) {
    const child = start(view, putArguments(put), { input })
    // The child has its own descriptor of it; were this one kept, the client would never see the child's end.
    input.destroy()
    return lastReport(child, put.signal)
  }
  if ('fd' in input) return lastReport(start(view, putArguments(put), { input: input.fd }), put.signal)
  const child = start(view, putArguments(put), { input: 'pipe' })
  const stdin = child.stdin
  if (!stdin) throw new GantryError('internal', 'gantry-archive has no standard input')
  widenPipe(stdin, 4 * 1024 * 1024)
  const outcome = run(child, { signal: put.signal })
  const refused = outcome.then(
    () => new Promise<never>(() => undefined),
    () => 'refused' as const,
  )
  const [ran, fed] = await Promise.allSettled([outcome, feed(input, stdin, refused)])
  if (fed.status === 'rejected') throw fed.reason
  if (ran.status === 'rejected') throw ran.reason
  return ran.value[0] ?? {}
}

async function copyBetween(start: Start, job: { from: View; items: readonly Item[]; to: View; put: PutOptions }): Promise<void> {
  const { signal } = job.put
  const putter = start(job.to, putArguments(job.put), { input: 'pipe' })
  const input = putter.stdin
  if (!input) throw new GantryError('internal', 'gantry-archive has no standard input')
  const getter = start(job.from, ['get', '-', ...itemArguments(job.items)], { output: input })
  // The reader has its own copy of the descriptor; ours would keep the pipe open.
  input.destroy()
  const got = run(getter, { signal })
  const [sent, written] = await Promise.allSettled([got, run(putter, { signal })])
  // The writer's words come first: a reader that lost it has nothing to say.
  if (written.status === 'rejected' && !(sent.status === 'rejected' && isSaid(sent.reason))) throw written.reason
  if (sent.status === 'rejected') throw sent.reason
}

/** The program's own words, and not that it ended without any. */
const isSaid = (error: unknown) => error instanceof GantryError && error.code !== 'internal'

const toLayer = (report: Report): LayerTar => ({
  digest: `sha256:${report.digest}`,
  bytes: Number(report.bytes),
  entries: Number(report.entries),
  fileBytes: Number(report.fileBytes),
})
const toBytes = (report: Report) => ({ bytes: Number(report.bytes), fileBytes: Number(report.fileBytes) })

function toStat(report: Report): FileStat {
  return {
    type: report.type as FileStat['type'],
    mode: Number(report.mode),
    size: Number(report.size),
    mtimeMs: Number(report.mtime) * 1000 + Math.floor(Number(report.mtimeNs) / 1e6),
    uid: Number(report.uid),
    gid: Number(report.gid),
    target: String(report.target),
  }
}

function toListed(report: Report): ListedFile {
  return {
    path: String(report.path),
    type: report.type as FileStat['type'],
    mode: Number(report.mode),
    size: Number(report.size),
    target: String(report.target),
    digest: String(report.digest),
  }
}
