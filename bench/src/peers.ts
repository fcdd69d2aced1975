import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CpuMeter, cpuMeter } from './cpu-time.ts'
import { repository } from './instance.ts'

/**
 * Runs OCI runtimes' command lines from one small shell, so that what is measured is theirs and not what it costs to
 * spawn from a large process. The shell's mount namespace has no unified cgroup mount where v1 is in use: crun refuses
 * a hybrid layout that shows any controller there.
 */
export interface Peers {
  readonly names: readonly string[]
  /** Milliseconds from the order to the end of `true` in a fresh container. */
  start(name: string): Promise<number>
  /** The same for `true` in a running container; null when the peer has no such thing here. */
  exec(name: string): Promise<number | null>
  /** Of those that are OCI runtimes: every verb of a container's life, `run` of `true` first. */
  readonly runtimes: readonly string[]
  life(name: string, note: (verb: string, wall: number, cpu: number) => void): Promise<void>
  cpuMs(): number
  close(): Promise<void>
}

export function findPeers(): Peers {
  const folder = mkdtempSync('/run/gantry-bench-peers-')
  const bundle = makeBundle(folder)
  const sleeping = makeSleeping(folder, bundle)
  const programs = runtimePrograms()
  const commands = startCommands(bundle, programs)
  const meter = cpuMeter(`gantry-bench-peers-${process.pid}`)
  const shell = new Shell(meter)
  let serial = 0
  const running = new Set<string>()
  return {
    names: Object.keys(commands),
    start: (name) => shell.run(commands[name]?.(`bench-${process.pid}-${serial++}`) ?? 'false'),
    async exec(name) {
      const id = `bench-exec-${process.pid}`
      const program = programs[name]
      if (program === undefined) return null
      if (!running.has(name)) {
        writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(['sleep', '1000'])))
        await shell.run(`${program} run -d -b ${bundle} ${id} </dev/null >/dev/null 2>&1`)
        writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(['true'])))
        running.add(name)
      }
      return shell.run(`${program} exec ${id} true`)
    },
    runtimes: Object.keys(programs),
    async life(name, note) {
      const program = programs[name] ?? 'false'
      const id = `bench-life-${process.pid}-${serial++}`
      const timed = async (verb: string, command: string) => {
        const before = meter.readMs()
        note(verb, await shell.run(command), meter.readMs() - before)
      }
      await timed('run', `${program} run -b ${bundle} ${id}`)
      await timed('create', `${program} create -b ${sleeping} ${id} >/dev/null 2>&1`)
      for (const verb of ['start', 'state']) await timed(verb, `${program} ${verb} ${id}`)
      await timed('exec', `${program} exec ${id} true`)
      await timed('kill', `${program} kill ${id} KILL`)
      await shell.run(`until ${program} state ${id} | grep -q stopped; do sleep 0.01; done`)
      await timed('delete', `${program} delete ${id}`)
    },
    cpuMs: () => meter.readMs(),
    async close() {
      for (const name of running) spawnSync(programs[name] ?? name, ['delete', '-f', `bench-exec-${process.pid}`])
      shell.close()
      await meter.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Ours, and the others' where they are installed. */
function runtimePrograms(): Record<string, string> {
  const others = ['crun', 'runc'].filter(isInstalled).map((name) => [name, name])
  return { 'gantry-oci': join(repository, 'native/build/gantry-oci'), ...Object.fromEntries(others) }
}

function startCommands(bundle: string, programs: Readonly<Record<string, string>>): Record<string, (id: string) => string> {
  const commands: Record<string, (id: string) => string> = {}
  const floor = join(repository, 'native/build/gantry-floor')
  if (existsSync(floor)) commands.floor = () => `${floor} ${join(bundle, 'rootfs')} /bin/true`
  for (const [name, program] of Object.entries(programs)) commands[name] = (id) => `${program} run -b ${bundle} ${id}`
  return commands
}

function isInstalled(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

function makeBundle(folder: string): string {
  const bundle = join(folder, 'bundle')
  const bin = join(bundle, 'rootfs', 'bin')
  mkdirSync(bin, { recursive: true })
  for (const name of ['proc', 'sys', 'dev', 'tmp']) mkdirSync(join(bundle, 'rootfs', name))
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
  if (!busybox) throw new Error('busybox is missing: apt-get install busybox-static')
  copyFileSync(busybox, join(bin, 'busybox'))
  for (const applet of ['true', 'sleep', 'sh']) symlinkSync('busybox', join(bin, applet))
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(['true'])))
  return bundle
}

/** The same root with a process that stays. */
function makeSleeping(folder: string, bundle: string): string {
  const sleeping = join(folder, 'sleeping')
  mkdirSync(sleeping)
  const config = { ...(ociConfig(['sleep', '1000']) as object), root: { path: join(bundle, 'rootfs') } }
  writeFileSync(join(sleeping, 'config.json'), JSON.stringify(config))
  return sleeping
}

/** As docker would ask for it: own namespaces, masked paths, limits, no capabilities beyond the default, a seccomp filter. */
function ociConfig(args: readonly string[]): unknown {
  const config = JSON.parse(
    execFileSync('sh', ['-c', 'cd "$(mktemp -d)" && crun spec 2>/dev/null || runc spec; cat config.json; rm -r "$PWD"'], {
      encoding: 'utf8',
    }),
  )
  config.process.terminal = false
  config.process.args = args
  config.root.readonly = false
  config.linux.resources = {
    ...config.linux.resources,
    memory: { limit: 64 * 1024 * 1024 },
    pids: { limit: 64 },
    cpu: { quota: 100_000, period: 100_000 },
  }
  config.linux.seccomp = seccomp()
  return config
}

/** An allow-list of the size of docker's default profile. */
function seccomp(): unknown {
  const names = execFileSync(
    'sh',
    ['-c', "grep -oE '__NR_[a-z0-9_]+' /usr/include/x86_64-linux-gnu/asm/unistd_64.h | sed 's/__NR_//' | sort -u"],
    {
      encoding: 'utf8',
    },
  )
    .trim()
    .split('\n')
  const refused = new Set([
    'mount',
    'umount2',
    'reboot',
    'init_module',
    'finit_module',
    'delete_module',
    'kexec_load',
    'ptrace',
    'bpf',
    'clone3',
  ])
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [{ names: names.filter((name) => !refused.has(name)), action: 'SCMP_ACT_ALLOW' }],
  }
}

/** A shell that runs one command at a time and says when it has ended. */
class Shell {
  readonly #process: ChildProcessWithoutNullStreams
  #done: ((line: string) => void) | undefined

  constructor(meter: CpuMeter) {
    const script =
      'umount /sys/fs/cgroup/unified 2>/dev/null; while IFS= read -r line; do eval "$line" </dev/null >/dev/null; echo "done $?"; done'
    this.#process = spawn('unshare', ['--mount', '--propagation', 'private', 'bash', '-c', script], { stdio: 'pipe' })
    meter.add(this.#process.pid ?? 0)
    this.#process.stderr.pipe(process.stderr)
    let text = ''
    this.#process.stdout.on('data', (chunk: Buffer) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end < 0) return
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      this.#done?.(line)
    })
  }

  async run(command: string): Promise<number> {
    const from = process.hrtime.bigint()
    const line = await new Promise<string>((resolve) => {
      this.#done = resolve
      this.#process.stdin.write(`${command}\n`)
    })
    const ms = Number(process.hrtime.bigint() - from) / 1e6
    if (line !== 'done 0') throw new Error(`${command}: ${line}`)
    return ms
  }

  close(): void {
    this.#process.kill('SIGKILL')
  }
}
