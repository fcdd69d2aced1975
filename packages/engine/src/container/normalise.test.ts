import { type ContainerSpecInput, containerSpecSchema, type ImageConfig } from '@gantry/contracts'
import { describe, expect, test } from 'vitest'
import { mergeEnv, normaliseSpec } from './normalise.ts'

const id = 'ab12'.repeat(16)
const image: ImageConfig = {
  entrypoint: ['/entry'],
  command: ['serve'],
  env: ['PATH=/bin', 'LANG=C'],
  user: 'www',
  workingDir: '/srv',
  labels: { from: 'image', both: 'image' },
  exposedPorts: ['80/tcp'],
  volumes: [],
  stopSignal: 'SIGQUIT',
}
const normalise = (request: Omit<ContainerSpecInput, 'image'>, config: Partial<ImageConfig> = {}) =>
  normaliseSpec(containerSpecSchema.parse({ image: 'web', ...request }), { ...image, ...config }, id)

describe('command', () => {
  test.each<[string, { entrypoint?: string[]; command?: string[] }, string[]]>([
    ['nothing given: the image decides', {}, ['/entry', 'serve']],
    ['a command replaces the command', { command: ['dump', '-v'] }, ['/entry', 'dump', '-v']],
    ['an entrypoint clears the command', { entrypoint: ['/bin/sh'] }, ['/bin/sh']],
    ['both', { entrypoint: ['/bin/sh'], command: ['-c', 'x'] }, ['/bin/sh', '-c', 'x']],
    ['an empty entrypoint leaves the command', { entrypoint: [] }, ['serve']],
    ['an empty command is no command', { command: [] }, ['/entry', 'serve']],
  ])('%s', (_name, request, args) => {
    expect(normalise(request).args).toEqual(args)
  })

  test('none anywhere is refused', () => {
    expect(() => normalise({}, { entrypoint: [], command: [] })).toThrow('no command')
  })
})

test('environment: the image first, overridden in place, with a PATH', () => {
  expect(normalise({ env: ['A=1', 'LANG=de', 'A=2'] }).spec.env).toEqual(['PATH=/bin', 'LANG=de', 'A=2'])
  expect(mergeEnv(['A=1'], ['A'])).toEqual(['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A'])
  expect(mergeEnv([], [])).toEqual(['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])
})

test('user, folder, labels, ports, stop signal, host name: the request, then the image, then docker', () => {
  const { spec } = normalise({ labels: { both: 'request' }, ports: [{ containerPort: 53, protocol: 'udp' }], exposedPorts: ['80/tcp'] })
  expect(spec).toMatchObject({
    user: 'www',
    workingDir: '/srv',
    labels: { from: 'image', both: 'request' },
    exposedPorts: ['80/tcp', '53/udp'],
    stopSignal: 'SIGQUIT',
    hostname: 'ab12ab12ab12',
  })
  const own = normalise({ user: 'root', workingDir: '/', hostname: 'h', stopSignal: 'TERM' }).spec
  expect(own).toMatchObject({ user: 'root', workingDir: '/', hostname: 'h', stopSignal: 'TERM' })
  const bare = normalise({}, { user: '', workingDir: '', stopSignal: '' }).spec
  expect(bare).toMatchObject({
    user: '',
    workingDir: '/',
    stopSignal: 'SIGTERM',
    shmSizeBytes: 64 * 1024 * 1024,
    resources: { pidsLimit: 2048 },
  })
})

test('the result is a valid spec, and normalising it again changes nothing', () => {
  const { spec, args } = normalise({ command: ['x'], env: ['B=2'] })
  expect(containerSpecSchema.parse(JSON.parse(JSON.stringify(spec)))).toEqual(JSON.parse(JSON.stringify(spec)))
  const again = normaliseSpec(spec, image, id)
  expect(again).toEqual({ spec, args, warnings: [] })
})

test('a health check of NONE switches the image off', () => {
  const healthcheck = { test: ['CMD', 'true'], intervalMs: 1000, timeoutMs: 1000, retries: 1, startPeriodMs: 0, startIntervalMs: 1000 }
  expect(normalise({}, { healthcheck }).spec.healthcheck).toEqual(healthcheck)
  expect(normalise({ healthcheck: { test: ['NONE'] } }, { healthcheck }).spec.healthcheck).toBeUndefined()
})

test.each([
  ['privileged', { privileged: true }],
  ['network mode host', { networkMode: 'host' }],
  ['pid mode host', { pidMode: 'host' as const }],
  ['ipc mode host', { ipcMode: 'host' as const }],
])('%s leaves the user namespace, and says so', (name, request) => {
  const { spec, warnings } = normalise(request)
  expect(spec.userns).toBe('host')
  expect(warnings).toEqual([`${name} runs without a user namespace: container root is host root`])
})

test('privileged takes the masks and the default filter away, not a filter that was asked for', () => {
  expect(normalise({ privileged: true }).spec).toMatchObject({ maskPaths: false, seccomp: 'unconfined' })
  expect(normalise({ privileged: true, seccomp: '{}' }).spec.seccomp).toBe('{}')
})

test('the host network publishes nothing', () => {
  const { spec, warnings } = normalise({ networkMode: 'host', ports: [{ containerPort: 80, hostPort: 8080 }] })
  expect(spec.ports).toEqual([])
  expect(warnings).toContain('published ports are discarded when using host network mode')
})

const MiB = 1024 * 1024
test.each<[string, Omit<ContainerSpecInput, 'image'>, string]>([
  ['rm with restart', { autoRemove: true, restart: { name: 'always' } }, 'autoRemove'],
  ['two cpu limits', { resources: { nanoCpus: 1e9, cpuQuotaUs: 1000 } }, 'resources.cpuQuotaUs'],
  ['swap without memory', { resources: { memorySwapBytes: 64 * MiB } }, 'resources.memorySwapBytes'],
  ['swap below memory', { resources: { memoryBytes: 64 * MiB, memorySwapBytes: 32 * MiB } }, 'resources.memorySwapBytes'],
  [
    'reservation above memory',
    { resources: { memoryBytes: 64 * MiB, memoryReservationBytes: 65 * MiB } },
    'resources.memoryReservationBytes',
  ],
  [
    'two mounts at one place',
    {
      mounts: [
        { type: 'tmpfs', target: '/a' },
        { type: 'tmpfs', target: '/a/' },
      ],
    },
    'mounts',
  ],
  ['a mount over everything', { mounts: [{ type: 'tmpfs', target: '//' }] }, 'mounts'],
  ['networks with none', { networkMode: 'none', endpoints: [{ network: 'n' }] }, 'endpoints'],
  ['a name in a joined network', { networkMode: 'container:x', hostname: 'h' }, 'hostname'],
  ['ports in a joined network', { networkMode: 'container:x', ports: [{ containerPort: 1 }] }, 'ports'],
])('refuses %s', (_name, request, field) => {
  expect(() => normalise(request)).toThrow(expect.objectContaining({ code: 'invalid_input', detail: expect.objectContaining({ field }) }))
})
