import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ContainerSpecInput, containerSpecSchema, developerPolicy, hostAdminPolicy, type Policy } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkPolicy } from './check-policy.ts'
import { fieldRules } from './field-rules.ts'

const teamAdmin: Policy = { hostAccess: false, bindSources: ['/srv/team'], capabilities: ['SYS_NICE', 'SYS_ADMIN'], minHostPort: 1024 }
const roles = { developer: developerPolicy, teamAdmin, hostAdmin: hostAdminPolicy }
type Role = keyof typeof roles

const specOf = (input: Partial<ContainerSpecInput>) => containerSpecSchema.parse({ image: 'busybox', ...input })
const judge = (input: Partial<ContainerSpecInput>, policy: Policy) =>
  checkPolicy(specOf(input), policy, { resolvePath: async (path) => path }).then(
    () => 'allowed',
    (error) => error.code as string,
  )
const bind = (source: string, propagation = 'rprivate') => ({ mounts: [{ type: 'bind', source, target: '/x', propagation } as never] })

const volumeOf = (driverOptions: Record<string, string>, driver = 'local') => ({
  mounts: [{ type: 'volume' as const, source: 'v', target: '/x', driver, driverOptions }],
})

test('every field of a spec has a row, and no row is left over', () => {
  expect(Object.keys(fieldRules).sort()).toEqual(Object.keys(containerSpecSchema.shape).sort())
})

/** Who may ask for what. A field that is missing here must be harmless: the second table says so. */
const guarded: [name: string, input: Partial<ContainerSpecInput>, allowed: Role[]][] = [
  ['privileged', { privileged: true }, ['hostAdmin']],
  ['userns', { userns: 'host' }, ['hostAdmin']],
  ['networkMode', { networkMode: 'host' }, ['hostAdmin']],
  ['pidMode', { pidMode: 'host' }, ['hostAdmin']],
  ['ipcMode', { ipcMode: 'host' }, ['hostAdmin']],
  ['ipcMode', { ipcMode: 'shareable' }, ['hostAdmin']],
  ['utsMode', { utsMode: 'host' }, ['hostAdmin']],
  ['cgroupnsMode', { cgroupnsMode: 'host' }, ['hostAdmin']],
  ['seccomp', { seccomp: 'unconfined' }, ['hostAdmin']],
  ['seccomp', { seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' }, ['hostAdmin']],
  ['maskPaths', { maskPaths: false }, ['hostAdmin']],
  ['noNewPrivileges', { noNewPrivileges: false }, ['hostAdmin']],
  ['devices', { devices: [{ hostPath: '/dev/sda' }] }, ['hostAdmin']],
  ['deviceRules', { deviceRules: ['a *:* rwm'] }, ['hostAdmin']],
  ['oomScoreAdj', { oomScoreAdj: -1 }, ['hostAdmin']],
  ['oomScoreAdj', { oomScoreAdj: 500 }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['mounts', bind('/'), ['hostAdmin']],
  ['mounts', bind('/srv/team'), ['teamAdmin', 'hostAdmin']],
  ['mounts', bind('/srv/team/a/b'), ['teamAdmin', 'hostAdmin']],
  ['mounts', bind('/srv/teammates'), ['hostAdmin']],
  ['mounts', bind('/srv/team', 'rshared'), ['hostAdmin']],
  ['mounts', bind('/srv/team', 'rslave'), ['teamAdmin', 'hostAdmin']],
  ['mounts', { mounts: [{ type: 'volume', source: 'v', target: '/x' }] }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['mounts', { mounts: [{ type: 'tmpfs', target: '/x' }] }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['mounts', { mounts: [{ type: 'image', source: 'busybox', target: '/x' }] }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['mounts', volumeOf({ type: 'none', o: 'bind', device: '/etc' }), ['hostAdmin']],
  ['mounts', volumeOf({ o: 'ro,rbind', device: '/srv/team/a' }), ['teamAdmin', 'hostAdmin']],
  ['mounts', volumeOf({ o: 'bind', device: '/srv/team/../../etc' }), ['hostAdmin']],
  ['mounts', volumeOf({ type: 'nfs', device: ':/x', o: 'addr=10.0.0.2' }), ['hostAdmin']],
  ['mounts', volumeOf({ type: 'ext4', device: '/dev/sda1' }), ['hostAdmin']],
  ['mounts', volumeOf({ type: 'tmpfs', device: 'tmpfs' }), ['developer', 'teamAdmin', 'hostAdmin']],
  ['mounts', volumeOf({}, 'some-plugin'), ['hostAdmin']],
  ['capAdd', { capAdd: ['NET_BIND_SERVICE'] }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['capAdd', { capAdd: ['SYS_NICE'] }, ['teamAdmin', 'hostAdmin']],
  ['capAdd', { capAdd: ['cap_sys_admin'] }, ['hostAdmin']],
  ['capAdd', { capAdd: ['ALL'] }, ['hostAdmin']],
  ['ports', { ports: [{ containerPort: 80, hostPort: 80 }] }, ['hostAdmin']],
  ['ports', { ports: [{ containerPort: 80, hostPort: 1024 }] }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['ports', { ports: [{ containerPort: 80 }] }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['sysctls', { sysctls: { 'net.core.somaxconn': '1' } }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['sysctls', { sysctls: { 'net/core/somaxconn': '1' } }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['sysctls', { sysctls: { 'net.ipv4.ip_forward': '1' } }, ['hostAdmin']],
  ['sysctls', { sysctls: { 'kernel.shmmax': '1' } }, ['hostAdmin']],
  ['resources', { resources: { cpuRtRuntimeUs: 1000 } }, ['hostAdmin']],
  ['resources', { resources: { oomKillDisable: true } }, ['hostAdmin']],
  ['resources', { resources: { oomKillDisable: true, memoryBytes: 2 ** 26 } }, ['developer', 'teamAdmin', 'hostAdmin']],
  ['log', { log: { maxSizeBytes: 2 ** 30, maxFiles: 2 } }, ['hostAdmin']],
  ['log', { log: { maxSizeBytes: 2 ** 24, maxFiles: 3 } }, ['developer', 'teamAdmin', 'hostAdmin']],
]

describe.each(Object.keys(roles) as Role[])('%s', (role) => {
  test.each(guarded)('%s %j', async (field, input, allowed) => {
    expect(fieldRules).toHaveProperty(field)
    expect(await judge(input, roles[role])).toBe(allowed.includes(role) ? 'allowed' : 'forbidden')
  })

  const harmless: Partial<ContainerSpecInput>[] = [
    { name: 'a', command: ['x'], entrypoint: ['y'], env: ['A=b'], labels: { a: 'b' }, workingDir: '/', user: '0:0', groups: ['1'] },
    { hostname: 'h', domainname: 'd', tty: true, openStdin: true, stdinOnce: true, stopSignal: 'SIGINT', stopTimeoutSeconds: -1 },
    { restart: { name: 'always' }, autoRemove: false, init: true, healthcheck: { test: ['CMD', 'true'] }, readonlyRootfs: true },
    { endpoints: [{ network: 'n' }], exposedPorts: ['80/tcp'], publishAll: true, dns: ['10.0.0.1'], dnsSearch: ['a'], dnsOptions: ['b'] },
    { extraHosts: ['a:10.0.0.1'], ulimits: [{ name: 'nofile', soft: 10, hard: 10 }], shmSizeBytes: 65536, capDrop: ['ALL'] },
    { networkMode: 'none', pidMode: 'container:x', ipcMode: 'container:x', image: 'other' },
  ]
  test.each(harmless)('may ask for %j', async (input) => expect(await judge(input, roles[role])).toBe('allowed'))

  const impossible: Record<string, string>[] = [
    { 'kernel.core_pattern': '|/x' },
    { 'vm.swappiness': '1' },
    { 'net/../kernel/core_pattern': '|/x' },
    { 'net..': '1' },
    { net: '1' },
    { '/net/core/somaxconn': '1' },
  ]
  test.each(impossible)('nobody may set %j', async (sysctls) => expect(await judge({ sysctls }, roles[role])).toBe('invalid_input'))
})

test('a setting of a namespace that is shared with the host is the host’s', async () => {
  expect(await judge({ sysctls: { 'net.core.somaxconn': '1' }, networkMode: 'host' }, hostAdminPolicy)).toBe('invalid_input')
  expect(await judge({ sysctls: { 'kernel.shmmax': '1' }, ipcMode: 'host' }, hostAdminPolicy)).toBe('invalid_input')
})

test('nobody gets what the machine does not have', async () => {
  const asks = { resources: { cpusetCpus: '0-60000' } }
  expect(await judge(asks, hostAdminPolicy)).toBe('invalid_input')
  await expect(checkPolicy(specOf(asks), developerPolicy)).rejects.toMatchObject({
    message: expect.stringMatching(/^cpusetCpus 0-60000: this machine has cpus 0/),
  })
})

test('a refusal names field, value and way out', async () => {
  await expect(checkPolicy(specOf({ ports: [{ containerPort: 80, hostPort: 80 }] }), developerPolicy)).rejects.toMatchObject({
    code: 'forbidden',
    message: 'host port 80 is below 1024, the lowest that may be published',
    detail: { field: 'ports', value: '80', remedy: 'publish on 1024 or above' },
  })
})

describe('folders of kernel and engines', () => {
  const everywhere = { ...developerPolicy, bindSources: ['/'] }
  const check = (source: string, policy: Policy) =>
    checkPolicy(specOf(bind(source)), policy, { resolvePath: async (path) => path, ownFolders: ['/srv/gantry'] })

  test.each(['/', '/proc', '/sys/kernel', '/var', '/var/lib/gantry/volumes', '/run', '/srv/gantry/images', '/srv'])(
    '%s stays out of reach without host access',
    async (source) => {
      await expect(check(source, everywhere)).rejects.toMatchObject({ code: 'forbidden', detail: { value: source } })
      expect((await check(source, hostAdminPolicy)).paths.size).toBe(1)
    },
  )
  test.each(['/home/a', '/srv/gantry2', '/procession'])('%s does not', async (source) => {
    expect((await check(source, everywhere)).paths.size).toBe(1)
  })
})

describe('bind sources on a real file system', () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-policy-'))
    for (const name of ['allowed/inside', 'secret']) mkdirSync(join(dir, name), { recursive: true })
    symlinkSync(join(dir, 'secret'), join(dir, 'allowed/way-out'))
    symlinkSync('../secret', join(dir, 'allowed/relative-way-out'))
    symlinkSync('inside', join(dir, 'allowed/way-in'))
    symlinkSync(join(dir, 'allowed'), join(dir, 'alias'))
  })
  afterAll(() => rmSync(dir, { recursive: true }))
  const check = (source: string, allowed = 'allowed') =>
    checkPolicy(specOf(bind(join(dir, source))), { ...developerPolicy, bindSources: [join(dir, allowed)] })

  test.each(['allowed/way-out', 'allowed/relative-way-out', 'allowed/way-out/new', 'secret', 'allowed/../secret', 'allowed2'])(
    '%s is refused',
    (source) => expect(check(source)).rejects.toMatchObject({ code: 'forbidden', detail: { field: 'mounts' } }),
  )
  test.each([
    ['allowed', 'allowed'],
    ['allowed/way-in', 'allowed/inside'],
    ['allowed/not/there/yet', 'allowed/not/there/yet'],
    ['alias/inside', 'allowed/inside'],
  ])('%s is mounted as %s', async (source, real) => {
    expect((await check(source)).paths).toEqual(new Map([[join(dir, source), join(dir, real)]]))
  })
  test('an allowed folder may be named by a link', async () => {
    expect((await check('allowed/inside', 'alias')).paths.size).toBe(1)
  })
})
