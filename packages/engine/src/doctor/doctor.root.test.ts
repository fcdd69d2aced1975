import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLauncher } from '../kernel/launcher.ts'
import { doctor } from './doctor.ts'

const nativeDir = join(import.meta.dirname, '../../../../native/build')

test('this kernel is examined by trying, and nothing is left behind', async () => {
  const dataDir = mkdtempSync('/var/tmp/gantry-doctor-')
  const kernel = createLauncher({ nativeDir })
  try {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    const checks = await doctor({ config: { dataDir, nativeDir }, kernel })
    const status = (name: string) => checks.find((check) => check.name === name)?.status
    // Without these no container of ours has ever run, this machine's included.
    for (const name of ['clone3', 'new mount API', 'overlayfs on the data folder', 'seccomp', 'no_new_privs', 'gantry-launcher']) {
      expect([name, status(name)]).toEqual([name, 'ok'])
    }
    for (const kind of ['mnt', 'pid', 'net', 'ipc', 'uts', 'user', 'cgroup']) expect(status(`${kind} namespace`)).toBe('ok')
    for (const name of ['bridge', 'veth', 'nftables', 'cpu', 'memory', 'pids', 'devices'])
      expect([name, status(name)]).toEqual([name, 'ok'])
    expect(status('id-mapped mounts on the data folder')).toBe('ok')
    expect(readdirSync(dataDir)).toEqual([])
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts)
    expect(readdirSync('/sys/class/net').filter((name) => name.startsWith('probe'))).toEqual([])
  } finally {
    await kernel.close()
    rmSync(dataDir, { recursive: true })
  }
})

test('an unknown probe and a program that is no program are refused in words', async () => {
  const kernel = createLauncher({ nativeDir })
  try {
    await expect(kernel.ops([['probe', 'nothing']])).rejects.toThrow('unknown probe nothing')
    await expect(kernel.ops([['bpf.device', '/sys/fs/cgroup', 'abc']])).rejects.toThrow('not a row of hexadecimal instructions')
    await expect(kernel.ops([['bpf.device', '/nowhere', '0'.repeat(16)]])).rejects.toThrow('open /nowhere')
  } finally {
    await kernel.close()
  }
})
