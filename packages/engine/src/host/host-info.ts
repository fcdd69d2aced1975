import { existsSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { arch, hostname, release } from 'node:os'
import type { HostInfo } from '@gantry/contracts'
import { parseHostCpu } from '../cgroup/parse.ts'
import type { Cgroups, EngineConfig } from '../ports.ts'

export interface HostInfoSources {
  readonly config: Pick<EngineConfig, 'dataDir' | 'version' | 'instanceId'>
  readonly cgroups: Pick<Cgroups, 'version'>
  readonly storageDriver: string
  readonly appArmor: boolean
  readonly counts: () => { containers: number; containersRunning: number; images: number }
}

/** What cannot change while we run. */
const fixed = { kernel: release(), architecture: arch() === 'x64' ? 'x86_64' : arch() === 'arm64' ? 'aarch64' : arch(), os: osName() }

/** `system.info`: a handful of small reads, about 0.2 ms. */
export async function hostInfo({ config, cgroups, storageDriver, appArmor, counts }: HostInfoSources): Promise<HostInfo> {
  const memory = parseMeminfo(readFileSync('/proc/meminfo', 'utf8'))
  const cpu = parseHostCpu(readFileSync('/proc/stat', 'utf8'))
  const disk = await statfs(config.dataDir)
  return {
    hostname: hostname(),
    ...fixed,
    cpus: cpu.onlineCpus,
    ...memory,
    loadAverage: readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).map(Number),
    uptimeSeconds: Number.parseFloat(readFileSync('/proc/uptime', 'utf8')),
    cpuBusyNs: cpu.busyNs,
    cpuTotalNs: cpu.totalNs,
    dataBytes: disk.blocks * disk.bsize,
    dataUsedBytes: (disk.blocks - disk.bfree) * disk.bsize,
    cgroupVersion: cgroups.version,
    storageDriver,
    appArmor,
    agentVersion: config.version,
    instanceId: config.instanceId,
    ...counts(),
  }
}

/** "Used" is what cannot be had without hurting somebody: total less MemAvailable, as `free` counts. */
export function parseMeminfo(text: string): Pick<HostInfo, 'memoryBytes' | 'memoryUsedBytes' | 'swapBytes'> {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024
  const total = bytes('MemTotal')
  return { memoryBytes: total, memoryUsedBytes: total - bytes('MemAvailable'), swapBytes: bytes('SwapTotal') }
}

/** os-release(5). */
function osName(): string {
  const file = ['/etc/os-release', '/usr/lib/os-release'].find((path) => existsSync(path))
  const line = file ? /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync(file, 'utf8')) : null
  return line?.[1] ?? 'Linux'
}
