import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Benchmark, Result } from './benchmark.ts'
import { timeMs } from './benchmark.ts'
import { type Instance, projectId, startInstance } from './instance.ts'
import { type Figures, figures } from './statistics.ts'

const mega = 1e6
const logBytes = 100 * mega
const turns = 3
/** Lines of 100 characters, as a program would write them. */
const writer = `yes ${'x'.repeat(99)} | head -c ${logBytes}`

function shell(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn('sh', ['-c', command], { stdio: 'ignore' }).once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command}: exit ${code}`)),
    )
  })
}

export const log: Benchmark = {
  name: 'log',
  what: '100 MB of 100-character lines written by a container and read back',
  async run() {
    const instance = await startInstance()
    try {
      const samples = { write: [] as number[], read: [] as number[], pipe: [] as number[] }
      const rate = (ms: number) => logBytes / mega / (ms / 1000)
      for (let turn = 0; turn < turns; turn++) {
        const log = { maxSizeBytes: 1024 * 1024 * 1024, maxFiles: 2 }
        const id = await instance.create({ image: 'busybox', command: ['sh', '-c', writer], log })
        samples.write.push(
          rate(
            await timeMs(async () => {
              await instance.agent.call('container.start', { projectId, container: id })
              await instance.agent.call('container.wait', { projectId, container: id })
            }),
          ),
        )
        samples.read.push(rate(await timeMs(() => readLog(instance, id))))
        samples.pipe.push(rate(await timeMs(() => shell(`busybox ${writer.replace('| head', '| busybox head')} | cat >/dev/null`))))
        await instance.remove(id)
      }
      const best = (values: number[]) => figures(values, 0, 'higher')
      const subjects = { gantry: best(samples.write), 'gantry read': best(samples.read), pipe: best(samples.pipe) }
      return { name: 'log', unit: 'MB/s', better: 'higher', subjects }
    } finally {
      await instance.close()
    }
  },
}

async function readLog({ agent }: Instance, container: string): Promise<void> {
  let characters = 0
  for await (const { lines } of agent.stream('container.logs', { projectId, container })) {
    for (const line of lines) characters += line.text.length + (line.partial ? 0 : 1)
  }
  if (characters !== logBytes) throw new Error(`${characters} of ${logBytes} characters came back`)
}

/** A fresh ext4 file system on a loop device: freed inodes of an old one cost many times the cpu. */
function freshFileSystem(): { path: string; remove(): void } {
  const folder = mkdtempSync('/var/tmp/gantry-bench-fs-')
  const image = join(folder, 'image')
  const path = join(folder, 'mount')
  mkdirSync(path)
  writeFileSync(image, '')
  truncateSync(image, 8 * 1024 ** 3)
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image])
  execFileSync('mount', ['-o', 'loop', image, path])
  return {
    path,
    remove() {
      execFileSync('umount', [path])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One layer with these files, as an archive in docker's format; returns archive and bare layer. */
function makeArchive(folder: string, files: number, bytesEach: number): { archive: string; layer: string; bytes: number } {
  const tree = join(folder, 'tree')
  for (let index = 0; index < files; index++) {
    const parent = join(tree, `d${Math.floor(index / 100)}`)
    if (index % 100 === 0) mkdirSync(parent, { recursive: true })
    const fd = openSync(join(parent, `f${index}`), 'w')
    for (let left = bytesEach; left > 0; left -= mega) writeSync(fd, randomBytes(Math.min(left, mega)))
    closeSync(fd)
  }
  execFileSync('tar', ['-C', tree, '-cf', join(folder, 'layer.tar'), '.'])
  rmSync(tree, { recursive: true })
  const diffId = `sha256:${execFileSync('sha256sum', [join(folder, 'layer.tar')], { encoding: 'utf8' }).slice(0, 64)}`
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['true'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created_by: 'bench' }],
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeFileSync(
    join(folder, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [`bench:${files}`], Layers: ['layer.tar'] }]),
  )
  execFileSync('tar', ['-C', folder, '-cf', join(folder, 'image.tar'), 'manifest.json', 'config.json', 'layer.tar'])
  return { archive: join(folder, 'image.tar'), layer: join(folder, 'layer.tar'), bytes: statSync(join(folder, 'layer.tar')).size }
}

async function load({ agent }: Instance, archive: string): Promise<void> {
  const { channel, result } = agent.duplex('image.load', { projectId })
  const progress = (async () => {
    for await (const _ of channel.incoming);
  })()
  for await (const chunk of createReadStream(archive, { highWaterMark: mega })) await channel.write(chunk)
  channel.end()
  await progress
  await result
}

function imageBenchmark(name: string, what: string, files: number, bytesEach: number): Benchmark {
  return {
    name,
    what,
    async run(): Promise<Result> {
      const folder = mkdtempSync('/var/tmp/gantry-bench-image-')
      try {
        const { archive, layer } = makeArchive(folder, files, bytesEach)
        const samples = { gantry: [] as number[], tar: [] as number[], synced: [] as number[] }
        let cpu = 0
        for (let turn = 0; turn < turns; turn++) {
          const disk = freshFileSystem()
          const instance = await startInstance(disk.path)
          try {
            const unpack = `tar -C ${join(disk.path, 'tar')} -xf ${layer}`
            mkdirSync(join(disk.path, 'tar'))
            samples.tar.push(await timeMs(() => shell(unpack)))
            // The engine flushes what it keeps; this is what tar would take to do so too.
            mkdirSync(join(disk.path, 'synced'))
            await shell(`sync -f ${disk.path}`)
            samples.synced.push(await timeMs(() => shell(`${unpack.replace('/tar ', '/synced ')} && sync -f ${disk.path}`)))
            const before = instance.cpuMs()
            samples.gantry.push(await timeMs(() => load(instance, archive)))
            cpu += instance.cpuMs() - before
          } finally {
            await instance.close()
            disk.remove()
          }
        }
        const subjects: Record<string, Figures> = {
          gantry: figures(samples.gantry, cpu),
          'tar -x': figures(samples.tar),
          'tar -x, flushed': figures(samples.synced),
        }
        return { name, unit: 'ms', better: 'lower', subjects }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

export const imageLarge = imageBenchmark('image', 'load an image with one 500 MB file', 1, 500 * mega)
export const imageSmall = imageBenchmark('image-small', 'load an image with 20,000 files of 1 KB', 20_000, 1000)
