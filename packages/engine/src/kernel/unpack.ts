import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { type ErrorCode, GantryError } from '@gantry/contracts'
import { widenPipe } from './socket-buffer.ts'

/** Bounds of one tar stream; what exceeds them is refused while it is being read. */
export interface UnpackLimits {
  /** Bytes of the uncompressed stream, and of the files in it. */
  readonly maxBytes: number
  /** Uncompressed by compressed bytes, looked at from 64 MiB on. */
  readonly maxRatio: number
  readonly maxEntries: number
  /** Bytes of the file system that must stay free. */
  readonly reserveBytes: number
}

export interface UnpackedLayer {
  /** sha256 of the uncompressed tar. */
  readonly diffId: string
  /** sha256 of the stream as it was given. */
  readonly digest: string
  readonly tarBytes: number
  /** Bytes of the files written. */
  readonly fileBytes: number
  readonly entries: number
  /** Device nodes and sockets of the layer that were left out: containers get their own /dev. */
  readonly skipped: number
}

/**
 * One member of an image archive: files lie in the target folder under `stored`; links only name another member. A file that is a
 * plain tar has been unpacked as a layer as well, into the folder `<stored>.layer` beside it.
 */
export type ArchiveMember =
  | {
      readonly kind: 'file'
      readonly path: string
      readonly stored: string
      readonly size: number
      readonly digest: string
      readonly layer?: UnpackedLayer
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

export interface StreamOptions {
  readonly limits: UnpackLimits
  readonly signal?: AbortSignal
  /** Called about every 4 MiB with the bytes of the given (compressed) stream consumed so far. */
  readonly onProgress?: (bytes: number) => void
}

export interface LayerOptions extends StreamOptions {
  readonly trustedDigest?: string | undefined
  readonly apply?: boolean
}

/** The native unpacker: each call is one confined process that sees nothing but its target folder. */
export interface Unpacker {
  /**
   * Writes a layer (plain, gzip, zstd, xz or bzip2 tar) into the empty folder `target`. Nothing is flushed. With
   * `trustedDigest`, which the blob was checked against when it was written, a plain one is not hashed again. With `apply`,
   * `target` has the layers below in it, and what the layer deletes is removed instead of marked.
   */
  layer(blobPath: string, target: string, options: LayerOptions): Promise<UnpackedLayer>
  /**
   * Splits an image archive into its files, numbered in `target`; `onMember` is called as each one is complete. A socket is handed to
   * the program itself, and no byte passes through here.
   */
  archive(
    input: AsyncIterable<Uint8Array> | Socket,
    target: string,
    options: StreamOptions & { onMember: (member: ArchiveMember) => void },
  ): Promise<void>
  /**
   * Copies the folder `path` of the stacked `lowerDirs` (topmost first) into the empty folder `target` and flushes it.
   * False: the layers have no folder there.
   */
  copy(lowerDirs: readonly string[], path: string, target: string): Promise<boolean>
  /** Copies all of `source` into the empty folder `target`, sharing blocks where the file system can; nothing is flushed. */
  clone(source: string, target: string): Promise<void>
  /** btrfs: an empty subvolume, or a snapshot of the subvolume `source`. */
  subvolume(path: string, source?: string): Promise<void>
  /** False: subvolumes lie in it, so it has to be emptied first. One that is not there is no error. */
  removeSubvolume(path: string): Promise<boolean>
  /** Flushes the file system that `folder` lies on (syncfs(2)). */
  sync(folder: string): Promise<void>
}

/** Makes the unpacker of `<nativeDir>/gantry-unpack`. Loading an image is no hot path, so a process is spawned from here. */
export function createUnpacker(options: { nativeDir: string }): Unpacker {
  const program = join(options.nativeDir, 'gantry-unpack')
  return {
    layer: (blobPath, target, stream) => unpackLayer(program, { blobPath, target, stream }),
    archive: (input, target, stream) => splitArchive(program, { input, target, stream }),
    copy: async (lowerDirs, path, target) => {
      const [last] = await run(spawnUnpack(program, ['copy', target, path, ...lowerDirs], 'ignore'), {})
      return last?.copied === true
    },
    clone: async (source, target) => void (await run(spawnUnpack(program, ['clone', target, source], 'ignore'), {})),
    subvolume: async (path, source) => {
      const args = source === undefined ? ['subvolume', path] : ['snapshot', source, path]
      await run(spawnUnpack(program, args, 'ignore'), {})
    },
    removeSubvolume: async (path) => {
      const [last] = await run(spawnUnpack(program, ['remove-subvolume', path], 'ignore'), {})
      return last?.done === true
    },
    sync: async (folder) => void (await run(spawnUnpack(program, ['sync', folder], 'ignore'), {})),
  }
}

export type Report = Record<string, unknown>

/** Nothing of the agent's environment is the business of what it starts. The type is widened by some packages to demand NODE_ENV. */
export const noEnvironment = {} as NodeJS.ProcessEnv

async function unpackLayer(program: string, job: { blobPath: string; target: string; stream: LayerOptions }): Promise<UnpackedLayer> {
  const blob = await open(job.blobPath, 'r')
  try {
    const trusted = job.stream.trustedDigest ? [job.stream.trustedDigest.slice(7)] : []
    const command = job.stream.apply ? 'apply' : 'layer'
    const child = spawnUnpack(program, [command, job.target, ...limitArguments(job.stream.limits), ...trusted], blob)
    const [done = {}] = await run(child, { signal: job.stream.signal, onReport: progressOnly(job.stream) })
    return unpackedLayer(done)
  } finally {
    await blob.close()
  }
}

const unpackedLayer = (report: Report): UnpackedLayer => ({
  diffId: `sha256:${report.diffId}`,
  digest: `sha256:${report.digest}`,
  tarBytes: Number(report.tarBytes),
  fileBytes: Number(report.fileBytes),
  entries: Number(report.entries),
  skipped: Number(report.skipped),
})

async function splitArchive(
  program: string,
  job: {
    input: AsyncIterable<Uint8Array> | Socket
    target: string
    stream: StreamOptions & { onMember: (member: ArchiveMember) => void }
  },
): Promise<void> {
  const { input } = job
  const child = spawnUnpack(
    program,
    ['archive', job.target, ...limitArguments(job.stream.limits)],
    input instanceof Socket ? input : 'pipe',
  )
  const progress = progressOnly(job.stream)
  const onReport = (report: Report) => {
    if (report.event === 'file') job.stream.onMember(fileMember(report))
    else if (report.event === 'link') job.stream.onMember({ kind: 'link', path: String(report.path), target: String(report.target) })
    else progress(report)
  }
  if (input instanceof Socket) {
    // The child has its own descriptor of it; were this one kept, the client would never see the child's end.
    input.destroy()
    await run(child, { signal: job.stream.signal, onReport })
    return
  }
  const stdin = child.stdin
  if (!stdin) throw new GantryError('internal', 'gantry-unpack has no standard input')
  widenPipe(stdin, 4 * 1024 * 1024)
  const outcome = run(child, { signal: job.stream.signal, onReport })
  // When the child refuses the archive it is of no use to wait for the rest of it.
  const refused = outcome.then(
    () => new Promise<never>(() => undefined),
    () => 'refused' as const,
  )
  const [ran, fed] = await Promise.allSettled([outcome, feed(input, stdin, refused)])
  if (fed.status === 'rejected') throw fed.reason
  if (ran.status === 'rejected') throw ran.reason
}

function fileMember(report: Report): ArchiveMember {
  return {
    kind: 'file',
    path: String(report.path),
    stored: String(report.stored),
    size: Number(report.size),
    digest: `sha256:${report.digest}`,
    ...(report.layer ? { layer: unpackedLayer(report.layer as Report) } : {}),
  }
}

const limitArguments = (limits: UnpackLimits) =>
  [limits.maxBytes, limits.maxRatio, limits.maxEntries, limits.reserveBytes].map((limit) => String(Math.floor(limit)))

const progressOnly = (stream: StreamOptions) => (report: Report) => {
  if (report.event === 'progress') stream.onProgress?.(Number(report.bytes))
}

function spawnUnpack(program: string, args: readonly string[], input: FileHandle | Socket | 'pipe' | 'ignore'): ChildProcess {
  const stdin = typeof input === 'string' || input instanceof Socket ? input : input.fd
  return spawn(program, args, { stdio: [stdin, 'ignore', 'pipe', 'pipe'], env: noEnvironment, cwd: '/' })
}

/** Waits for the end of the process and of its reports; the last report is `done` or an error. */
export async function run(
  child: ChildProcess,
  options: { signal?: AbortSignal | undefined; onReport?: (report: Report) => void },
): Promise<Report[]> {
  const abort = () => child.kill('SIGKILL')
  if (options.signal?.aborted) abort()
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    const stderr = text(child.stderr as Readable)
    const last: Report[] = []
    const reading = (async () => {
      for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
        const report = JSON.parse(line) as Report
        if (report.event === 'done' || report.event === 'error') last.push(report)
        else options.onReport?.(report)
      }
    })()
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    await reading
    if (options.signal?.aborted) throw new GantryError('cancelled', 'unpacking was cancelled', {}, { cause: options.signal.reason })
    const failure = last.find((report) => report.event === 'error')
    if (failure) throw unpackError(failure)
    if (code !== 0 || last.length === 0) {
      throw new GantryError('internal', `the unpacker ended without a result (${signal ?? `code ${code}`})`, {}, { cause: await stderr })
    }
    return last
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
}

async function text(stream: Readable): Promise<string> {
  let all = ''
  for await (const chunk of stream) if (all.length < 8192) all += String(chunk)
  return all
}

/** Writes the input until its end, or until the child has refused it; the child's own words are the reason then. */
export async function feed(input: AsyncIterable<Uint8Array>, stdin: Writable, refused: Promise<'refused'>): Promise<void> {
  // EPIPE: the child is gone, and says why in its report.
  const broken = new Promise<'refused'>((resolve) => stdin.once('error', () => resolve('refused')))
  const chunks = input[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await Promise.race([chunks.next(), refused, broken])
      if (next === 'refused') {
        // Not awaited: the input may never say another word.
        void chunks.return?.()
        return
      }
      if (next.done) return
      if (!stdin.write(next.value)) await Promise.race([once(stdin, 'drain').catch(() => undefined), refused, broken])
    }
  } finally {
    stdin.end()
  }
}

/** Words of gantry-archive alone. */
const codeOfKind: Readonly<Record<string, ErrorCode>> = { gone: 'wrong_state', missing: 'not_found', readonly: 'forbidden' }

/** `kind` is the program's word for what sort of failure it was; `text` is already fit to show. */
function unpackError(report: Report): GantryError {
  const { kind, step, errno, text: message } = report as { kind: string; step: string; errno: string; text: string }
  const detail = { step, ...(errno ? { errno } : {}) }
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new GantryError('no_space', message, { ...detail, remedy: 'remove unused images (image prune) or volumes, or enlarge the disk' })
  }
  if (kind === 'size')
    return new GantryError('quota_exceeded', message, { ...detail, remedy: 'use a smaller image or ask for a higher image limit' })
  const code = codeOfKind[kind]
  if (code) return new GantryError(code, message, detail)
  if (kind === 'refused' || kind === 'damaged' || kind === 'limit') return new GantryError('invalid_input', message, detail)
  return new GantryError('internal', message, detail)
}

/** Names of the commands inside a busybox program, as paths without the leading slash (`bin/sh`). */
export async function busyboxApplets(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(program, ['--list-full'], { env: noEnvironment })
  return stdout.split('\n').filter((line) => line !== '')
}
