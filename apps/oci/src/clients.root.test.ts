import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab } from './testing/lab.ts'

const lab = new Lab()
const image = join(lab.dir, 'image.tar')
beforeAll(() => {
  const rootfs = join(lab.bundle({ args: ['true'] }), 'rootfs')
  expect(spawnSync('tar', ['-C', rootfs, '-cf', image, '.']).status).toBe(0)
})

function answer(command: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return { status, stdout: stdout.replaceAll('\r', ''), stderr }
}
/** The same with a terminal on every stream. */
const onTerminal = (command: string, args: readonly string[]) =>
  answer('script', ['-qec', [command, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '), '/dev/null'])

describe("Debian's podman", () => {
  const folder = join(lab.dir, 'podman')
  // Its defaults raise limits beyond what a root without CAP_SYS_RESOURCE may.
  const limits = ['--ulimit', 'nofile=1024:2048', '--ulimit', 'nproc=1000:1000']
  const options = [
    ...['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp'), '--storage-driver', 'vfs'],
    ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--runtime', lab.program],
  ]
  const podman = (...args: string[]) => answer('podman', [...options, ...args])
  const good = (...args: string[]) => {
    const ran = podman(...args)
    expect(ran, `podman ${args.join(' ')}`).toMatchObject({ status: 0 })
    return ran.stdout.trim()
  }

  beforeAll(() => {
    mkdirSync(folder)
    good('import', image, 'box')
  })

  it('runs commands and tells their exit codes', () => {
    expect(good('run', '--rm', ...limits, '--network', 'none', 'box', '/bin/echo', 'hello')).toBe('hello')
    const script = 'id -u; echo $A; exit 7'
    const ran = podman('run', '--rm', ...limits, '--network', 'host', '--user', '1000', '-e', 'A=b', 'box', '/bin/sh', '-c', script)
    expect(ran).toMatchObject({ status: 7, stdout: '1000\nb\n' })
    expect(podman('run', '--rm', ...limits, '--network', 'none', 'box', 'nosuch').status).toBe(127)
    expect(podman('run', '--rm', ...limits, '--network', 'none', 'box', '/etc').status).toBe(126)
    const tty = onTerminal('podman', [
      ...options,
      'run',
      '--rm',
      '-it',
      ...limits,
      '--network',
      'none',
      'box',
      '/bin/sh',
      '-c',
      'tty; ls /dev/console',
    ])
    expect(tty).toMatchObject({ status: 0, stdout: expect.stringContaining('/dev/pts/0\n/dev/console') })
  })

  it('keeps one in the background: exec, pause, stats, top, stop', () => {
    good(
      'run',
      '-d',
      '--name',
      'kept',
      ...limits,
      '--network',
      'none',
      '--memory',
      '64m',
      '--pids-limit',
      '33',
      'box',
      '/bin/sleep',
      '1000',
    )
    expect(good('exec', 'kept', '/bin/sh', '-c', 'echo inside; exit 0')).toBe('inside')
    expect(podman('exec', 'kept', '/bin/sh', '-c', 'exit 8').status).toBe(8)
    expect(podman('exec', 'kept', 'nosuch').status).toBe(127)
    expect(onTerminal('podman', [...options, 'exec', '-it', 'kept', '/bin/tty']).stdout).toContain('/dev/pts/')
    good('pause', 'kept')
    expect(good('inspect', '--format', '{{.State.Status}}', 'kept')).toBe('paused')
    good('unpause', 'kept')
    expect(good('stats', '--no-stream', '--format', '{{.MemUsage}} {{.PIDS}}', 'kept')).toMatch(/67\.11MB 1$/)
    expect(good('top', 'kept')).toContain('sleep 1000')
    good('stop', '-t', '0', 'kept')
    expect(good('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'kept')).toBe('exited 137')
    good('start', 'kept')
    good('rm', '-f', '-t', '0', 'kept')
    expect(good('ps', '-aq')).toBe('')
  })
})

describe("Debian's dockerd", () => {
  const folder = join(lab.dir, 'docker')
  const socket = `unix://${folder}/socket`
  let daemon: ChildProcess
  const docker = (...args: string[]) => answer('docker', ['-H', socket, ...args])

  beforeAll(() => {
    mkdirSync(folder)
    const options = [
      ...['--host', socket, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')],
      ...[
        '--config-file',
        join(folder, 'config.json'),
        '--exec-opt',
        'native.cgroupdriver=cgroupfs',
        '--add-runtime',
        `gantry=${lab.program}`,
      ],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--storage-driver', 'vfs'],
    ]
    writeFileSync(join(folder, 'config.json'), '{}')
    daemon = spawn('dockerd', options, { stdio: 'ignore' })
    lab.until(() => docker('version').status === 0)
    expect(docker('import', image, 'box').status).toBe(0)
  })
  afterAll(async () => {
    const ended = new Promise((resolve) => daemon.on('exit', resolve))
    daemon.kill('SIGTERM')
    await ended
    lab.remove()
  })

  const status =
    'grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status; grep -vE "sigpending|processes" /proc/self/limits; cat /proc/self/oom_score_adj; umask'
  const both: readonly (readonly [what: string, options: readonly string[], command: readonly string[]])[] = [
    ['a command', [], ['/bin/echo', 'hello']],
    ['an exit code', [], ['/bin/sh', '-c', 'exit 7']],
    ['a command that is not there', [], ['nosuch']],
    ['a command that is a folder', [], ['/etc']],
    [
      'identity, environment, folder',
      ['--user', '1000:1001', '--group-add', '5', '-e', 'A=b', '-w', '/new'],
      ['/bin/sh', '-c', 'id; env | grep -v HOSTNAME; pwd'],
    ],
    ['locks and limits', [], ['/bin/sh', '-c', status]],
    [
      'locks and limits of a user without capabilities',
      ['--user', '7', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--ulimit', 'nofile=100:200'],
      ['/bin/sh', '-c', status],
    ],
    [
      'read-only with a tmpfs',
      ['--read-only', '--tmpfs', '/t:size=1m,noexec'],
      ['/bin/sh', '-c', 'touch /x; touch /t/x && mount | grep " /t "'],
    ],
    ['/dev', [], ['/bin/sh', '-c', 'cd /dev; stat -c "%n %a %u %g %t:%T" * | sort']],
    [
      'masked and read-only paths',
      [],
      ['/bin/sh', '-c', 'wc -c < /proc/keys; touch /proc/sys/kernel/hostname; ls /sys/firmware | wc -l; cat /proc/timer_list | wc -c'],
    ],
    [
      'mounts',
      [],
      [
        '/bin/sh',
        '-c',
        "mount | grep -vE ' /proc/(keys|timer_list|latency_stats|kcore|asound|acpi|scsi) | on / |/sys/firmware' | cut -d' ' -f1-5 | sort",
      ],
    ],
    [
      'limits of groups',
      ['-m', '64m', '--pids-limit', '33', '--cpus', '0.5'],
      [
        '/bin/sh',
        '-c',
        'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us memory.max pids.max cpu.max 2>/dev/null',
      ],
    ],
    [
      'names and namespaces of the host',
      ['--network', 'host', '--pid', 'host', '--ipc', 'host', '--uts', 'host'],
      ['/bin/sh', '-c', 'hostname; readlink /proc/self/ns/net /proc/self/ns/pid; for n in net ipc uts; do readlink /proc/self/ns/$n; done'],
    ],
    ['an init', ['--init'], ['/bin/sh', '-c', 'cat /proc/1/comm']],
    ['a sysctl', ['--sysctl', 'net.ipv4.ip_forward=1'], ['/bin/cat', '/proc/sys/net/ipv4/ip_forward']],
    ['a device', ['--device', '/dev/fuse:/dev/mine:r'], ['/bin/sh', '-c', 'stat -c "%a %t:%T" /dev/mine; true > /dev/mine']],
    ['a terminal', ['-t'], ['/bin/sh', '-c', 'tty; ls /dev/console']],
  ]
  it.each(both)('answers with our runtime as with runc: %s', (_what, options, command) => {
    const [ours, theirs] = ['gantry', 'runc'].map((runtime) => docker('run', '--rm', '--runtime', runtime, ...options, 'box', ...command))
    expect({ status: ours?.status, stdout: ours?.stdout }).toEqual({ status: theirs?.status, stdout: theirs?.stdout })
  })

  it('gives a privileged one what this machine has, where runc wants all there is', () => {
    const own = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
    const ran = docker(
      'run',
      '--rm',
      '--runtime',
      'gantry',
      '--privileged',
      'box',
      '/bin/grep',
      '-E',
      'CapEff|Seccomp:',
      '/proc/self/status',
    )
    const seen = BigInt(`0x${/CapEff:\t([0-9a-f]+)/.exec(ran.stdout)?.[1]}`)
    // This dockerd knows the capabilities of its time only.
    expect(seen).toBe(BigInt(`0x${own}`) & ((1n << 38n) - 1n))
    expect(ran.stdout).toContain('Seccomp:\t0')
  })

  it('keeps one in the background: exec, pause, stats, update, top, stop', () => {
    const runs = ['gantry', 'runc'].map((runtime) => {
      const answers = [
        docker('run', '-d', '--name', runtime, '--runtime', runtime, '-m', '64m', 'box', '/bin/sleep', '1000').status,
        docker('exec', runtime, '/bin/sh', '-c', 'echo inside; exit 8'),
        docker('exec', runtime, 'nosuch').status,
        docker('exec', '--user', '5:6', '-w', '/tmp', '-e', 'A=b', runtime, '/bin/sh', '-c', 'id; pwd; echo $A'),
        /\/dev\/pts\/\d+/.exec(onTerminal('docker', ['-H', socket, 'exec', '-it', runtime, '/bin/tty']).stdout)?.[0] ?? 'no terminal',
        docker('pause', runtime).status,
        docker('inspect', '-f', '{{.State.Status}}', runtime).stdout,
        docker('unpause', runtime).status,
        docker('stats', '--no-stream', '--format', '{{.PIDs}}', runtime).stdout,
        docker('update', '-m', '32m', '--memory-swap', '64m', runtime).status,
        docker('top', runtime, '-o', 'pid,comm').stdout.replaceAll(/\d+/g, 'PID').replaceAll(/ +/g, ' '),
        docker('kill', '-s', 'USR1', runtime).status,
        docker('stop', '-t', '0', runtime).status,
        docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}', runtime).stdout,
        docker('start', runtime).status,
        docker('rm', '-f', runtime).status,
      ]
      return answers.map((one) =>
        typeof one === 'object' ? { ...one, stderr: '' } : typeof one === 'string' ? one.replaceAll(runtime, 'NAME') : one,
      )
    })
    expect(runs[0]).toEqual(runs[1])
    lab.until(() => docker('ps', '-aq').stdout === '')
  })
})
