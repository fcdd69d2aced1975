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
  cpuMs(): number
  close(): Promise<void>
}

export function findPeers(): Peers {
  const folder = mkdtempSync('/run/gantry-bench-peers-')
  const bundle = makeBundle(folder)
  const commands = startCommands(bundle)
  const meter = cpuMeter(`gantry-bench-peers-${process.pid}`)
  const shell = new Shell(meter)
  let serial = 0
  const running = new Set<string>()
  return {
    names: Object.keys(commands),
    start: (name) => shell.run(commands[name]?.(`bench-${process.pid}-${serial++}`) ?? 'false'),
    async exec(name) {
      const id = `bench-exec-${process.pid}`
      if (name !== 'crun' && name !== 'runc') return null
      if (!running.has(name)) {
        writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(['sleep', '1000'])))
        await shell.run(`${name} run -d -b ${bundle} ${id} </dev/null >/dev/null 2>&1`)
        writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(['true'])))
        running.add(name)
      }
      return shell.run(`${name} exec ${id} true`)
    },
    cpuMs: () => meter.readMs(),
    async close() {
      for (const name of running) spawnSync(name, ['delete', '-f', `bench-exec-${process.pid}`])
      shell.close()
      await meter.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function startCommands(bundle: string): Record<string, (id: string) => string> {
  const commands: Record<string, (id: string) => string> = {}
  const floor = join(repository, 'native/build/gantry-floor')
  if (existsSync(floor)) commands.floor = () => `${floor} ${join(bundle, 'rootfs')} /bin/true`
  for (const name of ['crun', 'runc']) {
    if (isInstalled(name)) commands[name] = (id) => `${name} run -b ${bundle} ${id}`
  }
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
