import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { type Benchmark, type Result, timeMs, withEngines } from './benchmark.ts'
import type { Engine } from './engine.ts'
import { figures } from './statistics.ts'

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
    const samples: Record<string, number[]> = {}
    const add = (subject: string, ms: number) => {
      samples[subject] ??= []
      samples[subject].push(logBytes / mega / (ms / 1000))
    }
    await withEngines(async (engines) => {
      for (let turn = 0; turn < turns; turn++) {
        for (const engine of engines) {
          const id = await engine.create(['sh', '-c', writer], { logBytes: 1024 * 1024 * 1024 })
          const write = async () => {
            await engine.start(id)
            await engine.wait(id)
          }
          add(engine.name, await timeMs(write))
          add(`${engine.name} read`, await timeMs(() => readLog(engine, id)))
          await engine.remove(id)
        }
        add('pipe', await timeMs(() => shell(`busybox ${writer.replace('| head', '| busybox head')} | cat >/dev/null`)))
      }
    })
    const subjects = Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, figures(values, 0, 'higher')]))
    return { name: 'log', unit: 'MB/s', better: 'higher', subjects }
  },
}

async function readLog(engine: Engine, container: string): Promise<void> {
  const read = await engine.readLog(container)
  if (read !== logBytes) throw new Error(`${engine.name}: ${read} of ${logBytes} bytes came back`)
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

function imageBenchmark(name: string, what: string, files: number, bytesEach: number): Benchmark {
  return {
    name,
    what,
    async run(): Promise<Result> {
      const folder = mkdtempSync('/var/tmp/gantry-bench-image-')
      try {
        const { archive, layer } = makeArchive(folder, files, bytesEach)
        const samples: Record<string, { wall: number[]; cpu: number }> = {}
        const add = (subject: string, ms: number, cpuMs = 0) => {
          samples[subject] ??= { wall: [], cpu: 0 }
          samples[subject].wall.push(ms)
          samples[subject].cpu += cpuMs
        }
        for (let turn = 0; turn < turns; turn++) {
          const disk = freshFileSystem()
          try {
            const unpack = `tar -C ${join(disk.path, 'tar')} -xf ${layer}`
            for (const name of ['tar', 'synced']) mkdirSync(join(disk.path, name))
            add('tar -x', await timeMs(() => shell(unpack)))
            // The engine flushes what it keeps; this is what tar would take to do so too.
            await shell(`sync -f ${disk.path}`)
            add('tar -x, flushed', await timeMs(() => shell(`${unpack.replace('/tar ', '/synced ')} && sync -f ${disk.path}`)))
            await withEngines(async (engines) => {
              for (const engine of engines) {
                const before = engine.cpuMs()
                const ms = await timeMs(() => engine.load(archive))
                add(engine.name, ms, engine.cpuMs() - before)
              }
            }, disk.path)
          } finally {
            disk.remove()
          }
        }
        const subjects = Object.fromEntries(Object.entries(samples).map(([subject, { wall, cpu }]) => [subject, figures(wall, cpu)]))
        return { name, unit: 'ms', better: 'lower', subjects }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

export const imageLarge = imageBenchmark('image', 'load an image with one 500 MB file', 1, 500 * mega)
export const imageSmall = imageBenchmark('image-small', 'load an image with 20,000 files of 1 KB', 20_000, 1000)
