import { containerSpecSchema } from '@gantry/contracts'
import { describe, expect, it } from 'vitest'
import { type CreateValues, emptyValues, formField, issuesOf, toSpec } from './create-values.ts'

const values = (change: Partial<CreateValues>): CreateValues => ({ ...emptyValues, image: 'busybox', ...change })
const issues = (change: Partial<CreateValues>) => issuesOf(values(change)).map((issue) => issue.field)

describe('toSpec', () => {
  it('an empty form but for the image is a valid request', () => {
    expect(issuesOf(values({}))).toEqual([])
    expect(containerSpecSchema.parse(toSpec(values({}))).tty).toBe(true)
  })
  it('reads limits, words, ports and mounts', () => {
    const spec = toSpec(
      values({
        name: ' web ',
        command: 'sh -c "echo hi"',
        cpus: '0.5',
        memory: '64m',
        memorySwap: '-1',
        pids: '50',
        env: [
          { name: 'A', value: 'b=c' },
          { name: ' ', value: 'left out' },
        ],
        ports: [{ hostAddress: '127.0.0.1', hostPort: '8080', containerPort: '80', protocol: 'tcp' }],
        mounts: [
          { type: 'volume', source: 'data', target: '/data', readOnly: false },
          { type: 'volume', source: '', target: '/anon', readOnly: true },
        ],
        network: 'network:backend',
        restart: 'on-failure',
        maxRetries: '5',
      }),
    )
    expect(spec).toMatchObject({
      name: 'web',
      command: ['sh', '-c', 'echo hi'],
      env: ['A=b=c'],
      ports: [{ hostAddress: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
      endpoints: [{ network: 'backend' }],
      restart: { name: 'on-failure', maximumRetryCount: 5 },
      resources: { nanoCpus: 500_000_000, memoryBytes: 67_108_864, memorySwapBytes: -1, pidsLimit: 50 },
    })
    expect(spec.mounts?.[1]).toEqual({ type: 'volume', target: '/anon', readOnly: true })
    expect(issuesOf(values({ ports: [{ hostAddress: '', hostPort: '', containerPort: '80', protocol: 'udp' }] }))).toEqual([])
  })
})

describe('issuesOf', () => {
  it('names the field of the form for each thing that is wrong', () => {
    expect(issues({ image: '' })).toEqual(['image'])
    expect(issues({ image: '../etc' })).toEqual(['image'])
    expect(issues({ name: 'bad name' })).toEqual(['name'])
    expect(issues({ memory: '1m' })).toEqual(['memory'])
    expect(issues({ memory: '-5m' })).toEqual(['memory'])
    expect(issues({ cpus: '-1' })).toEqual(['cpus'])
    expect(issues({ pids: '0' })).toEqual(['pids'])
    expect(issues({ command: 'echo "open' })).toEqual(['command'])
    expect(issues({ cpusetCpus: 'all' })).toEqual(['cpusetCpus'])
    expect(issues({ ports: [{ hostAddress: '', hostPort: '70000', containerPort: '80', protocol: 'tcp' }] })).toEqual(['ports.0.hostPort'])
    expect(issues({ ports: [{ hostAddress: '', hostPort: '', containerPort: '', protocol: 'tcp' }] })).toEqual(['ports.0.containerPort'])
    expect(issues({ mounts: [{ type: 'bind', source: 'relative', target: '/x', readOnly: false }] })).toEqual(['mounts.0.source'])
    expect(issues({ env: [{ name: 'A=B', value: '' }] })).toEqual([])
    expect(issues({ capAdd: 'NET_ADMIN FLY' })).toEqual(['capAdd'])
  })
  it('says what cannot be read once, in words of its own', () => {
    expect(issuesOf(values({ memory: 'lots' }))).toEqual([{ field: 'memory', issue: 'badSize' }])
    expect(issuesOf(values({ cpus: 'half' }))).toEqual([{ field: 'cpus', issue: 'badNumber' }])
  })
})

describe('formField', () => {
  it.each([
    ['spec.resources.memoryBytes', 'memory'],
    ['resources.nanoCpus', 'cpus'],
    ['ports.1.hostPort', 'ports.1.hostPort'],
    ['env.2', 'env.2.name'],
    ['command.0', 'command'],
    ['endpoints.0.network', 'network'],
    ['image', 'image'],
  ])('%s is %s', (path, field) => expect(formField(path)).toBe(field))
})
