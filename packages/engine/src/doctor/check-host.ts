import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { DoctorCheck } from '@gantry/contracts'
import { formatBytes } from '../cgroup/words.ts'
import type { DoctorOptions } from './doctor.ts'

/** statfs(2) magic numbers of the file systems that matter here. */
const fileSystems: Readonly<Record<number, { readonly name: string; readonly note?: string }>> = {
  61267: { name: 'ext4' },
  1481003842: { name: 'xfs' },
  2435016766: { name: 'btrfs' },
  16914836: { name: 'tmpfs', note: 'everything is lost at the next boot' },
  2035054128: { name: 'overlay', note: 'layers cannot be stacked on it: put GANTRY_DATA on a real disk' },
  26985: { name: 'nfs', note: 'layers cannot be stacked on it: put GANTRY_DATA on a local disk' },
  16914839: { name: '9p', note: 'layers cannot be stacked on it: put GANTRY_DATA on a local disk' },
  1702057286: { name: 'fuse', note: 'layers cannot be stacked on it: put GANTRY_DATA on a local disk' },
}
/** Below this an image of any size fails to load. */
const LITTLE_SPACE_BYTES = 2 * 1024 ** 3

const programs = ['gantry-launcher', 'gantry-unpack', 'gantry-nft']

/** Folders, disk, forwarding and programs. */
export async function checkHost({ config }: Pick<DoctorOptions, 'config'>): Promise<DoctorCheck[]> {
  const disk = await statfs(config.dataDir)
  const known = fileSystems[disk.type]
  const free = disk.bavail * disk.bsize
  const little = free < LITTLE_SPACE_BYTES
  return [
    {
      group: 'filesystem',
      name: 'data folder',
      status: known?.note ? 'fallback' : 'ok',
      found: `${config.dataDir} on ${known?.name ?? `file system 0x${disk.type.toString(16)}`}`,
      consequence: known?.note ?? '',
    },
    {
      group: 'filesystem',
      name: 'free space',
      status: little ? 'fallback' : 'ok',
      found: formatBytes(free),
      consequence: little ? 'large images will not fit' : '',
    },
    forwarding(),
    ...programs.map((name) => nativeProgram(config.nativeDir, name)),
    busybox(),
  ]
}

/** The engine switches it on with the first bridge; only a read-only /proc/sys is in the way. */
function forwarding(): DoctorCheck {
  const base = { group: 'network', name: 'IP forwarding' } as const
  const path = '/proc/sys/net/ipv4/ip_forward'
  const on = existsSync(path) && readFileSync(path, 'utf8').trim() === '1'
  if (on) return { ...base, status: 'ok', found: 'on', consequence: '' }
  if (isWritable(path)) return { ...base, status: 'ok', found: 'off: switched on with the first bridge network', consequence: '' }
  return { ...base, status: 'missing', found: 'off and not writable', consequence: 'containers cannot reach beyond this machine' }
}

function nativeProgram(dir: string, name: string): DoctorCheck {
  const path = [join(dir, name), join(dir, 'build', name)].find((file) => existsSync(file))
  const base = { group: 'tools', name } as const
  if (path) return { ...base, status: 'ok', found: path, consequence: '' }
  return { ...base, status: 'missing', found: `not in ${dir}`, consequence: 'build the native programs: npm start does' }
}

function busybox(): DoctorCheck {
  const path = ['/bin/busybox', '/usr/bin/busybox', '/sbin/busybox'].find((file) => existsSync(file))
  const base = { group: 'tools', name: 'busybox' } as const
  if (path) return { ...base, status: 'ok', found: path, consequence: '' }
  return { ...base, status: 'fallback', found: 'not installed', consequence: 'there is no built-in image (apt-get install busybox-static)' }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}
