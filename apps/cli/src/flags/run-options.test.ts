import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { parseRunSpec, type RunFlags, withRunOptions } from './run-options.ts'

/** The spec that `gantry run LINE` would send. */
function specOf(...line: string[]) {
  const command = withRunOptions(new Command('run')).exitOverride()
  command.parse(line, { from: 'user' })
  const [image = '', ...args] = command.args
  return parseRunSpec(image, args, command.opts<RunFlags>(), { cwd: '/home/me', env: { SECRET: 'x' } })
}

describe('gantry run', () => {
  it('leaves flags behind the image to the command inside', () => {
    expect(specOf('--rm', '-it', 'busybox', 'ls', '-l', '--name', 'x')).toMatchObject({
      image: 'busybox',
      command: ['ls', '-l', '--name', 'x'],
      tty: true,
      openStdin: true,
      autoRemove: true,
      name: undefined,
    })
  })

  it('turns limits into resources', () => {
    expect(specOf('--cpus', '0.5', '-m', '64m', '--pids-limit', '20', '--device-write-bps', '/dev/vda:1m', 'busybox').resources).toEqual({
      nanoCpus: 500_000_000,
      memoryBytes: 67_108_864,
      pidsLimit: 20,
      blkioWriteBps: [{ device: '/dev/vda', rate: 1_048_576 }],
    })
  })

  it('copies a variable that is named without a value, and drops one that we do not have', () => {
    expect(specOf('-e', 'A=1', '-e', 'SECRET', '-e', 'ABSENT', 'busybox').env).toEqual(['A=1', 'SECRET=x', 'ABSENT'])
  })

  it('knows network modes from network names', () => {
    expect(specOf('--network', 'none', 'busybox')).toMatchObject({ networkMode: 'none', endpoints: [] })
    expect(specOf('--network', 'shop', '--network-alias', 'db', '--ip', '10.1.0.5', 'busybox')).toMatchObject({
      networkMode: 'bridge',
      endpoints: [{ network: 'shop', aliases: ['db'], ipv4Address: '10.1.0.5' }],
    })
    expect(() => specOf('--network', 'host', '--network', 'shop', 'busybox')).toThrow('cannot be combined')
  })

  it('reads restart, ulimit, capabilities and health', () => {
    expect(
      specOf('--restart', 'on-failure:3', '--ulimit', 'nofile=100:200', '--cap-add', 'cap_net_admin', '--health-cmd', 'true', 'busybox'),
    ).toMatchObject({
      restart: { name: 'on-failure', maximumRetryCount: 3 },
      ulimits: [{ name: 'nofile', soft: 100, hard: 200 }],
      capAdd: ['NET_ADMIN'],
      healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 30_000 },
    })
  })

  it('reads where logs go, what is taken over and what is only noted', () => {
    const log = ['max-size=1m', 'max-file=2', 'compress=true', 'tag={{.Name}}', 'labels=a,b', 'mode=non-blocking']
    expect(specOf('--log-driver', 'local', ...log.flatMap((option) => ['--log-opt', option]), 'busybox').log).toMatchObject({
      driver: 'local',
      maxSizeBytes: 1_048_576,
      maxFiles: 2,
      compress: true,
      tag: '{{.Name}}',
      labels: ['a', 'b'],
      mode: 'non-blocking',
    })
    const remote = ['--log-driver', 'syslog', '--log-opt', 'syslog-address=udp://h:1', '--log-opt', 'syslog-facility=local7']
    expect(specOf(...remote, 'busybox').log.syslog).toEqual({ address: 'udp://h:1', facility: 'local7' })
    expect(specOf('--volumes-from', 'data:ro', '--annotation', 'a=b', '--security-opt', 'apparmor=unconfined', 'busybox')).toMatchObject({
      volumesFrom: [{ container: 'data', readOnly: true }],
      annotations: { a: 'b' },
      apparmor: 'unconfined',
    })
  })

  it.each([
    [['-m', '1m', 'busybox'], 'must be at least 6 MiB'],
    [['--restart', 'sometimes', 'busybox'], '--restart sometimes'],
    [['--name', '-bad-', 'busybox'], 'name: must start with a letter or digit'],
    [['--cap-add', 'FLY', 'busybox'], 'capAdd'],
    [['--log-opt', 'max-speed=1', 'busybox'], '--log-opt max-speed: is not known'],
    [['--log-driver', 'gelf', 'busybox'], 'log.driver'],
    [['--volumes-from', 'data:rx', 'busybox'], '--volumes-from data:rx'],
    [['--memory', 'lots', 'busybox'], '--memory: lots is not a size'],
  ])('refuses %j', (line, why) => {
    expect(() => specOf(...line)).toThrow(why)
  })
})
