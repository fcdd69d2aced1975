import { containerSpecSchema } from '@gantry/contracts'
import { describe, expect, it } from 'vitest'
import { runText, runWords, updateText } from './docker-run.ts'

describe('runText', () => {
  it('is one short line for a bare image', () => {
    expect(runText({ image: 'busybox' }, 'docker')).toBe('docker run -d busybox')
    expect(runText({ image: 'busybox', tty: true, openStdin: true, command: ['sh'] }, 'gantry', 'team')).toBe(
      'gantry --project team run -dit busybox sh',
    )
  })

  it('says the same for a spec and for its parsed form with defaults', () => {
    const spec = { image: 'nginx', name: 'web', ports: [{ containerPort: 80, hostPort: 8080 }] }
    expect(runText(containerSpecSchema.parse(spec), 'docker')).toBe(runText(spec, 'docker'))
    expect(runText(spec, 'docker')).toBe('docker run -d --name web --publish 8080:80 nginx')
  })

  it('quotes words and breaks long commands by flag', () => {
    const text = runText(
      { image: 'busybox', env: ["MSG=it's $5", 'PLAIN=1'], workingDir: '/srv', command: ['sh', '-c', 'echo "$MSG"; sleep 9'] },
      'docker',
    )
    expect(text).toBe(
      [
        'docker run -d \\',
        '  --workdir /srv \\',
        `  --env 'MSG=it'\\''s $5' \\`,
        '  --env PLAIN=1 \\',
        `  busybox sh -c 'echo "$MSG"; sleep 9'`,
      ].join('\n'),
    )
  })
})

describe('runWords', () => {
  const flags = (spec: Parameters<typeof runWords>[0]) => runWords(spec).flags.map((words) => words.join(' '))

  it('writes limits with units', () => {
    const resources = { nanoCpus: 1_500_000_000, memoryBytes: 512 * 1024 ** 2, memorySwapBytes: -1, pidsLimit: 100, cpusetCpus: '0-1' }
    expect(flags({ image: 'x', resources })).toEqual([
      '--cpus 1.5',
      '--cpuset-cpus 0-1',
      '--memory 512m',
      '--memory-swap -1',
      '--pids-limit 100',
    ])
  })
  it('writes ports with address, random host port and protocol', () => {
    const ports = [
      { containerPort: 80 },
      { containerPort: 53, hostPort: 5353, protocol: 'udp' as const },
      { containerPort: 443, hostPort: 8443, hostAddress: '127.0.0.1' },
      { containerPort: 81, hostAddress: '127.0.0.1' },
      { containerPort: 82, hostPort: 82, hostAddress: '::1' },
    ]
    expect(flags({ image: 'x', ports })).toEqual([
      '--publish 80',
      '--publish 5353:53/udp',
      '--publish 127.0.0.1:8443:443',
      '--publish 127.0.0.1::81',
      '--publish [::1]:82:82',
    ])
  })
  it('writes volumes, binds and tmpfs', () => {
    const mounts = [
      { type: 'volume' as const, source: 'data', target: '/data' },
      { type: 'volume' as const, target: '/cache' },
      { type: 'bind' as const, source: '/srv', target: '/srv', readOnly: true },
      { type: 'tmpfs' as const, target: '/run', sizeBytes: 64 * 1024 ** 2, mode: 0o1777 },
    ]
    expect(flags({ image: 'x', mounts })).toEqual([
      '--volume data:/data',
      '--volume /cache',
      '--volume /srv:/srv:ro',
      '--tmpfs /run:size=64m,mode=1777',
    ])
  })
  it('splits an entry point into the flag and the arguments before the command', () => {
    expect(runWords({ image: 'x', entrypoint: ['/bin/sh', '-c'], command: ['date'] })).toEqual({
      flags: [['--entrypoint', '/bin/sh']],
      rest: ['x', '-c', 'date'],
    })
    expect(runWords({ image: 'x', entrypoint: [] }).flags).toEqual([['--entrypoint', '']])
  })
  it('writes restart policies and what loosens isolation', () => {
    expect(
      flags({
        image: 'x',
        restart: { name: 'on-failure', maximumRetryCount: 3 },
        capAdd: ['NET_ADMIN'],
        userns: 'host',
        seccomp: 'unconfined',
      }),
    ).toEqual(['--restart on-failure:3', '--cap-add NET_ADMIN', '--security-opt seccomp=unconfined', '--userns host'])
  })
})

it('takes limits away with our own command, as docker has none for it', () => {
  const target = { name: 'web', projectId: 'shop' }
  expect(updateText({ resources: { memoryBytes: 64 * 1024 ** 2 }, restart: { name: 'always' } }, target)).toBe(
    'docker update --memory 64m --restart always web',
  )
  expect(updateText({ resources: { memoryBytes: null, pidsLimit: 5, cpusetCpus: null } }, target)).toBe(
    "gantry --project shop update --cpuset-cpus '' --memory -1 --pids-limit 5 web",
  )
})
