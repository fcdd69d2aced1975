import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readHierarchies } from '../cgroup/hierarchies.ts'
import { sleep } from '../sleep.ts'
import { type BundleOptions, configOf, type Json } from './config-of.ts'

const repository = fileURLToPath(new URL('../../../../', import.meta.url))
const applets = [
  'sh',
  'cat',
  'echo',
  'id',
  'sleep',
  'ls',
  'stat',
  'hostname',
  'mount',
  'env',
  'touch',
  'readlink',
  'ps',
  'tty',
  'stty',
  'mkdir',
  'grep',
  'head',
  'uname',
  'dd',
  'kill',
  'true',
  'mknod',
  'nproc',
  'taskset',
  'chrt',
  'ionice',
  'wc',
  'test',
  'sysctl',
  'pwd',
]

/** A runtime with a root of its own, bundles with busybox in them, and all of it gone afterwards. */
export class Lab {
  readonly dir = mkdtempSync(join(tmpdir(), 'gantry-oci-'))
  /** The native front, which engines are given, and what it starts for all that it does not do itself. */
  readonly program = join(repository, 'native/build/gantry-oci')
  readonly script = join(repository, 'apps/oci/bin/gantry-oci.cjs')
  readonly globals = ['--root', join(this.dir, 'state')]
  readonly group = basename(this.dir)
  readonly out = join(this.dir, 'out')
  #bundles = 0

  constructor() {
    const build = spawnSync(process.execPath, [join(repository, 'scripts/bundle.mjs'), 'oci'], { encoding: 'utf8' })
    if (build.status !== 0) throw new Error(build.stderr)
    mkdirSync(this.out)
  }

  /** Runs a verb that must succeed. */
  oci(...args: string[]): SpawnSyncReturns<string> {
    const ran = this.run(args)
    if (ran.status !== 0) throw new Error(`gantry-oci ${args.join(' ')}: status ${ran.status}: ${ran.stderr}${ran.stdout}`)
    return ran
  }

  /** Runs one that must not. */
  fails(...args: string[]): SpawnSyncReturns<string> {
    const ran = this.run(args)
    if (ran.status === 0) throw new Error(`gantry-oci ${args.join(' ')} succeeded: ${ran.stdout}`)
    return ran
  }

  /** Streams of detached containers stay with the process: only files do not keep us waiting for their end. */
  run(args: readonly string[]): SpawnSyncReturns<string> {
    const detaches = ['create', 'start'].includes(args[0] ?? '') || args.includes('--detach')
    if (!detaches) return spawnSync(this.program, [...this.globals, ...args], { encoding: 'utf8' })
    const log = join(this.dir, 'log')
    rmSync(log, { force: true })
    const ran = spawnSync(this.program, ['--log', log, ...this.globals, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    const words = existsSync(log) ? spawnSync('cat', [log], { encoding: 'utf8' }).stdout : ''
    return { ...ran, stdout: '', stderr: words }
  }

  /** What a container prints that runs once with this configuration. */
  output(options: BundleOptions, ...args: string[]): string {
    return this.oci('run', '-b', this.bundle(options), ...args, `once${this.#bundles}`).stdout.trim()
  }

  bundle(options: BundleOptions): string {
    const dir = join(this.dir, `bundle${this.#bundles++}`)
    this.#rootfs(join(dir, 'rootfs'))
    const linux = { cgroupsPath: join('/', this.group, `c${this.#bundles}`), ...options.linux }
    writeFileSync(join(dir, 'config.json'), JSON.stringify(configOf({ ...options, linux })))
    return dir
  }

  #rootfs(dir: string): void {
    for (const name of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp', 'out']) mkdirSync(join(dir, name), { recursive: true })
    copyFileSync('/bin/busybox', join(dir, 'bin/busybox'))
    for (const name of applets) symlinkSync('busybox', join(dir, 'bin', name))
    writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n')
  }

  outMount(): Json {
    return { destination: '/out', type: 'bind', source: this.out, options: ['bind'] }
  }

  until(condition: () => boolean): void {
    while (!condition()) sleep(10)
  }

  /** What is left of a container in the runtime's folder and in the cgroups. */
  leftovers(id: string): string[] {
    const state = join(this.dir, 'state', id)
    const groups = this.groups().flatMap((dir) =>
      readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(dir, entry.name)] : [])),
    )
    return [state, ...groups, ...this.hidden()].filter((path) => existsSync(path))
  }

  /** The folder of all our containers' groups, in each hierarchy that has it. */
  groups(): string[] {
    return readHierarchies()
      .map(({ mount }) => join(mount, this.group))
      .filter((dir) => existsSync(dir))
  }

  hidden(): string[] {
    const state = join(this.dir, 'state')
    const found = existsSync(state) ? readdirSync(state, { recursive: true, encoding: 'utf8' }) : []
    return found.filter((name) => /\.(claimed|plan|answer)$/.test(name)).map((name) => join(state, name))
  }

  remove(): void {
    for (const id of JSON.parse(this.oci('list', '--format', 'json').stdout)) this.run(['delete', '--force', id.id])
    for (const dir of this.groups()) rmdirSync(dir)
    // Clients that failed in between leave mounts in folders of theirs.
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
      const place = line.split(' ')[4] ?? ''
      if (place.startsWith(this.dir)) spawnSync('umount', [place])
    }
    rmSync(this.dir, { recursive: true, force: true })
  }
}
