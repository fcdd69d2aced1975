import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { parseArgs } from '../args.ts'
import { ociVersion } from '../config/config.ts'

const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
const strict = ['nosuid', 'noexec', 'nodev']

const example = {
  ociVersion,
  process: {
    terminal: true,
    user: { uid: 0, gid: 0 },
    args: ['sh'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
    noNewPrivileges: true,
  },
  root: { path: 'rootfs', readonly: true },
  hostname: 'gantry',
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...strict, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: strict },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...strict, 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...strict, 'relatime', 'ro'] },
  ],
  linux: {
    resources: { devices: [{ allow: false, access: 'rwm' }] },
    namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
    maskedPaths: [
      '/proc/acpi',
      '/proc/asound',
      '/proc/kcore',
      '/proc/keys',
      '/proc/latency_stats',
      '/proc/timer_list',
      '/proc/timer_stats',
      '/proc/sched_debug',
      '/sys/firmware',
      '/proc/scsi',
    ],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  },
}

/** Writes an example configuration, never over one. */
export function spec(args: readonly string[]): void {
  const parsed = parseArgs(args, { bundle: { kind: 'value', short: 'b' }, rootless: { kind: 'flag' } }, true)
  if (parsed.has('rootless')) throw new GantryError('unsupported', 'rootless containers are not supported')
  const path = join(parsed.value('bundle') ?? '.', 'config.json')
  try {
    writeFileSync(path, `${JSON.stringify(example, null, 2)}\n`, { flag: 'wx', mode: 0o666 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    throw new GantryError('already_exists', `${path} exists already`, { remedy: 'remove it first' }, { cause: error })
  }
}
