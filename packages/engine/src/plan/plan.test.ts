import { containerSpecSchema, type ContainerSpecInput, execSpecSchema, type ExecSpecInput } from '@gantry/contracts'
import { describe, expect, it } from 'vitest'
import { defaultCapabilities } from './capabilities.ts'
import type { StartPlan } from '../kernel/kernel.ts'
import { planExec, planStart, planToOps, type StartInput } from './plan.ts'

const id = 'c'.repeat(64)
const image = { entrypoint: ['/entry'], command: ['serve'], env: ['PATH=/app', 'LANG=C'], user: 'app', workingDir: '/srv' }

function input(spec: Partial<ContainerSpecInput> = {}, change: Partial<StartInput> = {}): StartInput {
  return {
    containerId: id,
    spec: containerSpecSchema.parse({ image: 'app', ...spec }),
    image,
    rootfs: { kind: 'overlay', lowerDirs: ['/layers/top', '/layers/base'], upperDir: '/c/upper', workDir: '/c/work' },
    mounts: [],
    sandbox: { namespaceOps: [['sandbox', 'key']] },
    cgroupOps: [['mkdir', '/cg/c', '0755']],
    cgroupEnterOps: [['cgroup.enter', '/cg/c/cgroup.procs']],
    seccompFile: '/filters/x.bpf',
    nativeDir: '/native',
    monitorDir: '/run/m',
    files: { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' },
    logPath: '/c/log',
    exitFile: '/c/exit.json',
    hostCapabilities: defaultCapabilities,
    ...change,
  }
}

/** As `gantry plan` shows it. */
const print = (plan: StartPlan) =>
  planToOps(plan)
    .map((op) => op.join(' '))
    .join('\n')
const names = (ops: readonly (readonly string[])[]) => ops.map((op) => op[0])
const ops = (spec: Partial<ContainerSpecInput> = {}, change: Partial<StartInput> = {}) => planToOps(planStart(input(spec, change)))
const find = (name: string, spec: Partial<ContainerSpecInput> = {}, change: Partial<StartInput> = {}) =>
  ops(spec, change).filter((op) => op[0] === name)

describe('planStart', () => {
  it('is this, for a plain container', () => {
    expect(print(planStart(input()))).toMatchInlineSnapshot(`
      "mkdir /cg/c 0755
      stdin none
      log /c/log 10485760 3
      exit.file /c/exit.json
      cgroup.enter /cg/c/cgroup.procs
      sandbox key
      mntns.new
      pidns.new
      ipcns.new
      utsns.new
      cgroupns.new
      propagation private
      overlay /c/upper /c/work /layers/top /layers/base
      proc /proc
      tmpfs /dev nosuid,noexec mode=755,size=65536k
      devices /dev null zero full random urandom tty
      devpts /dev/pts
      symlink /proc/self/fd /dev/fd
      symlink /proc/self/fd/0 /dev/stdin
      symlink /proc/self/fd/1 /dev/stdout
      symlink /proc/self/fd/2 /dev/stderr
      symlink /proc/kcore /dev/core
      symlink pts/ptmx /dev/ptmx
      mqueue /dev/mqueue
      tmpfs /dev/shm nosuid,nodev,noexec mode=1777,size=67108864
      sysfs /sys ro
      cgroup /sys/fs/cgroup ro
      bind /c/resolv.conf /etc/resolv.conf idmap
      bind /c/hostname /etc/hostname idmap
      bind /c/hosts /etc/hosts idmap
      mask /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware
      mask.cpus /sys/devices/system/cpu thermal_throttle
      readonly /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger
      hostname cccccccccccc
      pivot private
      rlimit core 0 0
      keyring cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
      cwd /srv
      caps CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,SETGID,SETUID,SETPCAP,NET_BIND_SERVICE,NET_RAW,SYS_CHROOT,MKNOD,AUDIT_WRITE,SETFCAP
      user app
      no_new_privs
      seccomp /filters/x.bpf
      env PATH=/app
      env HOSTNAME=cccccccccccc
      env LANG=C
      exec /entry serve"
    `)
  })

  it('enters cgroups before anything is made, and locks last', () => {
    const order = names(ops())
    expect(order.indexOf('cgroup.enter')).toBeLessThan(order.indexOf('sandbox'))
    expect(order.indexOf('caps')).toBeLessThan(order.indexOf('user'))
    expect(order.indexOf('user')).toBeLessThan(order.indexOf('no_new_privs'))
    expect(order.indexOf('no_new_privs')).toBeLessThan(order.indexOf('seccomp'))
    expect(order.at(-1)).toBe('exec')
  })

  it('loads the filter while it still may, without no_new_privs', () => {
    const order = names(ops({ noNewPrivileges: false }))
    expect(order).not.toContain('no_new_privs')
    expect(order.indexOf('seccomp')).toBeLessThan(order.indexOf('caps'))
  })

  it.each([
    [{}, ['/entry', 'serve']],
    [{ command: ['other'] }, ['/entry', 'other']],
    [{ entrypoint: ['/mine'] }, ['/mine']],
    [{ entrypoint: [], command: ['sh'] }, ['sh']],
    [{ init: true, command: ['x'] }, ['/sbin/docker-init', '--', '/entry', 'x']],
  ])('runs, given %j, %j', (spec, line) => {
    expect(find('exec', spec)).toEqual([['exec', ...line]])
  })

  it('refuses a container without a command', () => {
    expect(() => ops({ entrypoint: [] })).toThrowError(
      expect.objectContaining({ code: 'invalid_input', detail: expect.objectContaining({ field: 'command' }) }),
    )
  })

  it('lets later variables win', () => {
    expect(find('env', { env: ['LANG=de', 'NEW=1=2'], tty: true }).map((op) => op[1])).toEqual([
      'PATH=/app',
      `HOSTNAME=${id.slice(0, 12)}`,
      'TERM=xterm',
      'LANG=de',
      'NEW=1=2',
    ])
  })

  it('mounts parents before what is below them, and own files before the user’s', () => {
    const mount = {
      type: 'volume',
      source: '/v',
      readOnly: false,
      propagation: '',
      recursive: false,
      copyUp: false,
      idmapped: true,
    } as const
    const mounts = [
      { ...mount, target: '/a/b/c' },
      { ...mount, target: '/a' },
      { ...mount, target: '/etc/hosts' },
    ]
    expect(find('bind', {}, { mounts }).map((op) => op[2])).toEqual([
      '/etc/resolv.conf',
      '/etc/hostname',
      '/etc/hosts',
      '/a',
      '/etc/hosts',
      '/a/b/c',
    ])
  })

  it('lets mounts through only when asked', () => {
    const mount = { type: 'bind', source: '/h', target: '/t', readOnly: true, recursive: true, copyUp: false, idmapped: false } as const
    expect(find('propagation')).toEqual([['propagation', 'private']])
    const slave = { mounts: [{ ...mount, propagation: 'rslave' }] }
    expect(find('propagation', {}, slave)).toEqual([['propagation', 'slave']])
    expect(find('bind', {}, slave).at(-1)).toEqual(['bind', '/h', '/t', 'ro,rec,strict,rslave'])
  })

  it('shares the host’s name with the host’s network, unless it has one', () => {
    expect(names(ops({ networkMode: 'host' }))).not.toContain('utsns.new')
    expect(find('env.hostname', { networkMode: 'host' })).toHaveLength(1)
    expect(names(ops({ networkMode: 'host', hostname: 'own' }))).toContain('utsns.new')
  })

  it('takes on an AppArmor profile before identity and locks', () => {
    const order = names(ops({ apparmor: 'mine' }))
    expect(order.indexOf('apparmor')).toBeLessThan(order.indexOf('caps'))
    expect(find('apparmor', { apparmor: 'unconfined' })).toEqual([])
  })

  it('joins and shares namespaces', () => {
    const joined = ops({ pidMode: 'container:x', ipcMode: 'container:x' }, { joinPid: { pid: 11, ipc: 12 } })
    expect(joined).toContainEqual(['pidns.join', '/proc/11/ns/pid'])
    expect(joined).toContainEqual(['ipcns.join', '/proc/12/ns/ipc'])
    expect(joined).toContainEqual(['share', '12', '/dev/shm'])
    expect(joined).toContainEqual(['share', '12', '/dev/mqueue'])
    expect(joined.filter(([name, target]) => name === 'tmpfs' && target === '/dev/shm')).toEqual([])
    const shared = names(ops({ pidMode: 'host', ipcMode: 'host', utsMode: 'host', cgroupnsMode: 'host' }))
    for (const name of ['pidns.new', 'ipcns.new', 'utsns.new', 'cgroupns.new']) expect(shared).not.toContain(name)
  })

  it('has no /dev/shm with ipc none', () => {
    const targets = (spec: Partial<ContainerSpecInput>) => find('tmpfs', spec).map((op) => op[1])
    expect(targets({ ipcMode: 'none' })).toEqual(['/dev'])
    expect(targets({})).toEqual(['/dev', '/dev/shm'])
  })

  it('opens up only for privileged', () => {
    const privileged = ops({ privileged: true }, { seccompFile: null, hostCapabilities: ['CHOWN', 'SYS_ADMIN'] })
    expect(names(privileged)).not.toContain('mask')
    expect(privileged).toContainEqual(['caps', 'CHOWN,SYS_ADMIN'])
    expect(privileged).toContainEqual(['sysfs', '/sys', 'rw'])
    expect(names(privileged)).toContain('devices.all')
  })
})

describe('capabilities', () => {
  const caps = (spec: Partial<ContainerSpecInput>, host: readonly string[] = [...defaultCapabilities, 'NET_ADMIN']) =>
    find('caps', spec, { hostCapabilities: host })[0]?.[1]

  it.each([
    [{ capAdd: ['NET_ADMIN'], capDrop: ['ALL'] }, 'NET_ADMIN'],
    [{ capDrop: ['all'] }, ''],
    [
      {
        capAdd: ['cap_net_admin'],
        capDrop: ['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP'],
      },
      'KILL,NET_BIND_SERVICE,NET_ADMIN,SYS_CHROOT,AUDIT_WRITE',
    ],
  ])('%j gives %s', (spec, expected) => {
    expect(caps(spec)).toBe(expected)
  })

  it('never asks for what root does not have', () => {
    expect(caps({ capAdd: ['ALL'] }, ['KILL'])).toBe('KILL')
  })
})

describe('planExec', () => {
  const exec = (spec: Partial<ExecSpecInput>, container: Partial<ContainerSpecInput> = {}) =>
    planExec({
      execId: 'exec-1',
      spec: execSpecSchema.parse({ command: ['ls'], ...spec }),
      container: containerSpecSchema.parse({ image: 'app', ...container }),
      image,
      pid: 77,
      startTicks: 123,
      cgroupEnterOps: [['cgroup.enter', '/cg/c/cgroup.procs']],
      seccompFile: '/filters/x.bpf',
      monitorDir: '/run/e',
      hostCapabilities: defaultCapabilities,
    })

  it('is this, for a plain exec', () => {
    expect(print(exec({}))).toMatchInlineSnapshot(`
      "stdin none
      cgroup.enter /cg/c/cgroup.procs
      ns.enter 77 123
      rlimit core 0 0
      keyring exec-1
      cwd /srv
      caps CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,SETGID,SETUID,SETPCAP,NET_BIND_SERVICE,NET_RAW,SYS_CHROOT,MKNOD,AUDIT_WRITE,SETFCAP
      user app
      no_new_privs
      seccomp /filters/x.bpf
      env.hostname
      env PATH=/app
      env LANG=C
      exec ls"
    `)
  })

  it('has a terminal of the container’s and keeps its output for viewers', () => {
    const plan = exec({ tty: true, columns: 100, rows: 30, openStdin: true, persistent: true })
    expect(plan.monitor).toEqual([
      ['tty', '100', '30'],
      ['ring', '/run/e/scrollback', '4194304'],
      ['stdin', 'open'],
    ])
    expect(names(plan.process)[0]).toBe('console')
  })

  it('has the container’s locks', () => {
    expect(names(exec({}).process)).toEqual(expect.arrayContaining(['no_new_privs', 'seccomp']))
    expect(exec({}, { capDrop: ['ALL'] }).process).toContainEqual(['caps', ''])
  })
})
