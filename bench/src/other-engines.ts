import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type CpuMeter, cpuMeter, processesOf } from './cpu-time.ts'
import { answers, dockerCalls, importBusybox } from './docker-api.ts'
import type { Engine, StartEngine } from './engine.ts'

/** How each engine's service is started: on a socket and folders of its own. */
const services: Record<string, (folder: string, socket: string) => string[]> = {
  docker: (folder, socket) => [
    ...['dockerd', '-H', `unix://${socket}`, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
    ...['--pidfile', join(folder, 'pid'), '--exec-opt', 'native.cgroupdriver=cgroupfs', '--bip', '172.29.0.1/24'],
  ],
  podman: (folder, socket) => [
    // It refuses a run folder whose path is longer than 50 characters.
    ...['podman', '--root', join(folder, 'data'), '--runroot', join(socket, '../run'), '--tmpdir', join(socket, '../tmp')],
    ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'file', 'system', 'service', '-t', '0', `unix://${socket}`],
  ],
}

/** The other engines that are installed. */
export function otherEngines(): StartEngine[] {
  return Object.entries(services).flatMap(([name, command]) => {
    const [program = ''] = command('', '')
    return spawnSync(program, ['--version']).status === 0 ? [starter(name, command)] : []
  })
}

/**
 * Runs the service in namespaces of its own: its bridge and firewall do not touch the host's, everything it starts ends with it,
 * and it sees no unified cgroup mount where v1 is in use, which crun (podman's runtime) would refuse.
 */
function starter(name: string, command: (folder: string, socket: string) => string[]): StartEngine {
  return async (dataParent) => {
    const folder = mkdtempSync(join(dataParent, `bench-${name}-`))
    const socket = join(mkdtempSync('/run/bench-'), 'api.sock')
    const meterName = `bench-${name}-${process.pid}-${Date.now()}`
    const meter = cpuMeter(meterName)
    const script = 'ip link set lo up; umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
    const isolate = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
    const service = ['unshare', ...isolate, 'sh', '-c', script, name, ...command(folder, socket)]
    // It waits for a line, so that nothing is started before it is counted.
    const child = spawn('sh', ['-c', 'read -r line; exec "$@"', 'sh', ...service], { stdio: ['pipe', 'ignore', 'ignore'] })
    meter.add(child.pid ?? 0)
    child.stdin.end('\n')
    while (!(await answers(socket))) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await importBusybox(socket, busyboxTar(folder))
    return engine(name, { child, meter, meterName, folder, socket })
  }
}

interface Running {
  child: ChildProcess
  meter: CpuMeter
  meterName: string
  folder: string
  socket: string
}

function engine(name: string, { child, meter, meterName, folder, socket }: Running): Engine {
  return {
    ...dockerCalls(socket, `/${meterName}/containers`),
    name,
    cpuMs: () => meter.readMs(),
    processes: () => processesOf((_pid, _commandLine, cgroups) => cgroups.includes(meterName)),
    async close() {
      await new Promise<void>((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      })
      await meter.remove()
      unmountBelow(folder)
      rmSync(folder, { recursive: true, force: true })
      rmSync(join(socket, '..'), { recursive: true, force: true })
    },
  }
}

/** What the service mounted went with its namespace, unless it made the folder a mount of the host's. */
function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`))
  for (const path of mounts.reverse()) spawnSync('umount', ['-l', path])
}

function busyboxTar(folder: string): string {
  const bin = join(folder, 'busybox', 'bin')
  mkdirSync(bin, { recursive: true })
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
  if (!busybox) throw new Error('busybox is missing: apt-get install busybox-static')
  copyFileSync(busybox, join(bin, 'busybox'))
  for (const applet of ['true', 'sleep', 'sh', 'yes', 'head']) symlinkSync('busybox', join(bin, applet))
  const tar = join(folder, 'busybox.tar')
  execFileSync('tar', ['-C', join(folder, 'busybox'), '-cf', tar, '.'])
  return tar
}
