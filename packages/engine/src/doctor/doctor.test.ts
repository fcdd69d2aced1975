import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { doctorCheckSchema, type Op } from '@gantry/contracts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLayout } from '../cgroup/layout.ts'
import { checkCgroups } from './check-cgroups.ts'
import { checkHost } from './check-host.ts'
import { checkKernel } from './check-kernel.ts'
import { doctor } from './doctor.ts'

let dataDir: string
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-doctor-'))
})
afterAll(() => rmSync(dataDir, { recursive: true }))

/** A kernel that answers every probe alike. */
const answering = (answer: (probe: readonly string[]) => string) => ({
  config: { dataDir, nativeDir: join(dataDir, 'native') },
  kernel: { ops: async (ops: readonly Op[]) => ops.map(([, ...probe]) => answer(probe)) },
})
const find = <T extends { name: string }>(checks: readonly T[], name: string) => checks.find((check) => check.name === name)

test('what works is ok and has no consequence; what does not says what happens instead', async () => {
  const fine = await doctor(answering(() => 'ok'))
  for (const check of fine) {
    doctorCheckSchema.parse(check)
    expect(check.consequence === '').toBe(check.status === 'ok')
  }
  const checks = await checkKernel(answering(([kind, name]) => (kind === 'namespace' && name === 'user' ? 'EPERM' : 'ENOSYS')))
  expect(find(checks, 'user namespace')).toMatchObject({ status: 'fallback', found: 'EPERM', group: 'namespaces' })
  expect(find(checks, 'overlayfs on the data folder')).toMatchObject({ status: 'missing', found: 'ENOSYS' })
  for (const check of checks) expect(check.consequence === '').toBe(check.status === 'ok')
})

test('a kind of link that only wants a parent is there', async () => {
  const macvlan = async (answer: string) => find(await checkKernel(answering(() => answer)), 'macvlan')?.status
  expect([await macvlan('EINVAL'), await macvlan('EOPNOTSUPP')]).toEqual(['ok', 'fallback'])
})

test('probing leaves the data folder as it was, also when the launcher fails', async () => {
  const { config } = answering(() => 'ok')
  const broken = { ops: () => Promise.reject(new Error('no launcher')) }
  await expect(checkKernel({ config, kernel: broken })).rejects.toThrow('no launcher')
  expect(readdirSync(dataDir)).toEqual([])
})

test('controllers that are not mounted have consequences', () => {
  const pidsOnly = readLayout('30 25 0:30 / /sys/fs/odd rw - cgroup cgroup rw,pids', '')
  const checks = checkCgroups(pidsOnly)
  expect(find(checks, 'layout')).toMatchObject({ status: 'ok', found: 'v1: /sys/fs/odd' })
  expect(find(checks, 'pids')).toMatchObject({ status: 'ok', found: 'v1 at /sys/fs/odd' })
  expect(find(checks, 'memory')).toMatchObject({ status: 'missing', consequence: 'memory limits are not kept' })
  expect(find(checks, 'cgroup.kill')).toMatchObject({ status: 'fallback' })
  expect(find(checkCgroups(readLayout('', '')), 'layout')).toMatchObject({ status: 'missing', consequence: 'no limits at all' })
})

test('native programs that are not built are named', async () => {
  const checks = await checkHost(answering(() => 'ok'))
  expect(find(checks, 'gantry-launcher')).toMatchObject({ status: 'missing', group: 'tools' })
  expect(find(checks, 'data folder')?.found).toContain(dataDir)
})
