import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AgentClient, hostAdminPolicy } from '@gantry/contracts'
import { z } from 'zod'
import type { Result } from './benchmark.ts'
import { startAgent } from './instance.ts'
import { figures } from './statistics.ts'

const KiB = 1024
const MiB = 1024 * KiB
const projectId = 'default'

/** Bytes of one file, and how many files are worked on. */
const sizes = [
  { name: '4 KiB', bytes: 4 * KiB, files: 4000, quick: true },
  { name: '64 KiB', bytes: 64 * KiB, files: 1000, quick: false },
  { name: '1 MiB', bytes: MiB, files: 100, quick: true },
  { name: '16 MiB', bytes: 16 * MiB, files: 8, quick: false },
  { name: '64 MiB', bytes: 64 * MiB, files: 1, quick: true },
  { name: '256 MiB', bytes: 256 * MiB, files: 1, quick: false },
  { name: '1 GiB', bytes: 1024 * MiB, files: 1, quick: false },
] as const
type Size = (typeof sizes)[number]

/** In this order on the same files: what one leaves in the page cache, the next finds there, but for `read`. */
const operations = [
  { name: 'write', rw: 'write' },
  { name: 'rewrite', rw: 'write' },
  { name: 'read', rw: 'read' },
  { name: 'reread', rw: 'read' },
  { name: 'random read', rw: 'randread' },
  { name: 'random write', rw: 'randwrite' },
] as const
type Operation = (typeof operations)[number]

const subjects = [
  { name: 'ext4', driver: 'overlay2', fileSystem: 'ext4', folder: '/bare' },
  { name: 'overlay2', driver: 'overlay2', fileSystem: 'ext4', folder: '/bench' },
  { name: 'vfs', driver: 'vfs', fileSystem: 'ext4', folder: '/bench' },
  { name: 'fuse-overlayfs', driver: 'fuse-overlayfs', fileSystem: 'ext4', folder: '/bench' },
  { name: 'btrfs bare', driver: 'btrfs', fileSystem: 'btrfs', folder: '/bare' },
  { name: 'btrfs', driver: 'btrfs', fileSystem: 'btrfs', folder: '/bench' },
] as const
type Subject = (typeof subjects)[number]

/**
 * Throughput of files in a container by storage driver, beside the file system below as a folder of the host mounted into the container.
 * Each driver has a fresh file system in a file of its own; fio runs inside the container and does not wait for the disk (no fsync).
 */
export async function storage(options: { quick: boolean }): Promise<Result[]> {
  const chosen = sizes.filter((size) => size.quick || !options.quick)
  const measured = new Map<string, Record<string, number>>()
  for (const subject of subjects) {
    const measure = await openSubject(subject)
    try {
      for (const size of chosen) {
        for (const operation of operations) {
          const name = `${operation.name} ${size.name}`
          measured.set(name, { ...measured.get(name), [subject.name]: await measure.fio(size, operation) })
        }
        await measure.clear()
      }
    } finally {
      await measure.close()
    }
  }
  return [...measured].map(([name, values]) => ({
    name: `storage ${name}`,
    unit: 'MiB/s',
    better: 'higher',
    subjects: Object.fromEntries(Object.entries(values).map(([subject, value]) => [subject, figures([value], 0, 'higher')])),
  }))
}

/** For people: a line per operation and size, a column per subject. */
export function storageTable(results: readonly Result[]): string {
  const names = Object.keys(results[0]?.subjects ?? {})
  const line = (first: string, cells: readonly string[]) => first.padEnd(24) + cells.map((cell) => cell.padStart(16)).join('')
  const rows = results.map(({ name, subjects: found }) =>
    line(
      name.replace('storage ', ''),
      names.map((subject) => String(Math.round(found[subject]?.median ?? 0))),
    ),
  )
  return [line('MiB/s, higher is better', names), ...rows].join('\n')
}

async function openSubject(subject: Subject) {
  const disk = freshFileSystem(subject.fileSystem)
  const bare = join(disk.path, 'bare')
  mkdirSync(bare, { mode: 0o777 })
  const agent = await startAgent({ dataParent: disk.path, env: { GANTRY_STORAGE_DRIVER: subject.driver } })
  await agent.ready()
  const container = await startContainer(agent.client, bare)
  const run = async (command: string[]) => {
    const done = await agent.client.call('exec.run', { projectId, container, spec: { command } })
    if (done.exitCode !== 0) throw new Error(`${subject.name}: ${command.join(' ')}: ${done.stderr}`)
    return done.stdout
  }
  await run(['/bin/mkdir', '-p', '/bench'])
  return {
    async fio(size: Size, operation: Operation): Promise<number> {
      if (operation.name === 'read') dropCaches()
      return throughput(await run(fioCommand(subject.folder, size, operation)))
    },
    clear: async () => void (await run(['/bin/sh', '-c', `rm -rf ${subject.folder}/*`])),
    async close() {
      await agent.client.call('container.remove', { projectId, container, force: true })
      await agent.close()
      disk.remove()
    },
  }
}

/** The host's fio with the host's libraries: nothing has to be built for the measurement. */
async function startContainer(agent: AgentClient, bare: string): Promise<string> {
  const bind = (source: string, target: string, readOnly = true) => ({ type: 'bind', source, target, readOnly }) as const
  const { id } = await agent.call('container.create', {
    projectId,
    spec: {
      image: 'busybox',
      command: ['/bin/sleep', '1000000'],
      userns: 'host',
      mounts: [bind('/usr', '/usr'), bind('/lib', '/lib'), bind('/lib64', '/lib64'), bind(bare, '/bare', false)],
    },
    policy: hostAdminPolicy,
  })
  await agent.call('container.start', { projectId, container: id })
  return id
}

function fioCommand(folder: string, size: Size, { name, rw }: Operation): string[] {
  const random = rw.startsWith('rand')
  return [
    '/usr/bin/fio',
    ...['--name=bench', '--thread', `--directory=${folder}`, '--ioengine=psync', `--rw=${rw}`],
    ...[`--nrfiles=${size.files}`, `--filesize=${size.bytes}`, '--openfiles=16', '--file_service_type=sequential'],
    ...[`--bs=${random ? 4 * KiB : Math.min(size.bytes, 128 * KiB)}`, '--fallocate=none', '--invalidate=0'],
    ...(random ? [`--io_size=${Math.min(size.bytes * size.files, 64 * MiB)}`] : []),
    // New files come into being as they are written, not before the clock starts.
    ...(name === 'write' ? ['--create_on_open=1'] : []),
    ...['--output-format=json', '--clat_percentiles=0', '--lat_percentiles=0'],
  ]
}

const side = z.object({ io_bytes: z.number(), runtime: z.number(), bw_bytes: z.number() })
const reportSchema = z.object({ jobs: z.tuple([z.object({ read: side, write: side })]) })

function throughput(output: string): number {
  const { read, write } = reportSchema.parse(JSON.parse(output.slice(output.indexOf('{')))).jobs[0]
  const { io_bytes, runtime, bw_bytes } = read.io_bytes > 0 ? read : write
  if (io_bytes === 0) throw new Error('fio moved no bytes')
  // Below a millisecond fio tells no time.
  return (runtime > 0 ? bw_bytes : io_bytes * 1000) / MiB
}

function dropCaches(): void {
  execFileSync('sync')
  writeFileSync('/proc/sys/vm/drop_caches', '3')
}

/** In a file, so that every subject begins on an empty one. */
function freshFileSystem(type: 'ext4' | 'btrfs'): { path: string; remove(): void } {
  const folder = mkdtempSync('/var/tmp/gantry-bench-fs-')
  const image = join(folder, 'image')
  const path = join(folder, 'mount')
  mkdirSync(path)
  writeFileSync(image, '')
  truncateSync(image, 6 * 1024 * MiB)
  if (type === 'ext4') execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image])
  else execFileSync('mkfs.btrfs', ['-q', image])
  execFileSync('mount', ['-o', 'loop', image, path])
  return {
    path,
    remove() {
      execFileSync('umount', [path])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
