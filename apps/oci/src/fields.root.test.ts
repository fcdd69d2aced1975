import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readHierarchies } from './cgroup/hierarchies.ts'
import type { BundleOptions } from './testing/config-of.ts'
import { Lab } from './testing/lab.ts'

const lab = new Lab()
afterAll(() => lab.remove())

const unified = readHierarchies().every(({ version }) => version === 2)
const source = join(lab.dir, 'source')
mkdirSync(join(source, 'below'), { recursive: true })
writeFileSync(join(source, 'file'), 'content\n')

type Row = readonly [field: string, script: string, expected: string | RegExp, options: Omit<BundleOptions, 'args'>]
const bind = (...options: string[]) => [{ destination: '/m', type: 'bind', source, options }]
const tmpfs = (...options: string[]) => [{ destination: '/m', type: 'tmpfs', source: 'tmpfs', options }]
const cgroupMount = { destination: '/cg', type: 'cgroup', source: 'cgroup', options: ['ro'] }
/** Opening it takes no capability, and writes nothing. */
const kmsg = { path: '/dev/kmsg', type: 'c', major: 1, minor: 11 }
const limit = (v1: string, v2: string) => `cat /cg/${unified ? v2 : v1}`
const user = (more: object = {}) => ({ user: { uid: 1000, gid: 1001, ...more } })
const userNamespace = {
  namespaces: ['pid', 'mount', 'ipc', 'uts', 'network', 'cgroup', 'user'].map((type) => ({ type })),
  linux: {
    uidMappings: [
      { containerID: 0, hostID: 700000, size: 1000 },
      { containerID: 1000, hostID: 800000, size: 10 },
    ],
    gidMappings: [{ containerID: 0, hostID: 700000, size: 2000 }],
  },
}
const withNamespace = (type: string) => ['pid', 'mount', 'ipc', 'uts', 'network', 'cgroup', type].map((name) => ({ type: name }))
const refuseMkdir = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }
const seccomp = (...syscalls: object[]) => ({ linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls } } })

/** What is asked for in config.json, and what is then seen inside. */
const rows: readonly Row[] = [
  ['process.cwd', 'pwd', '/tmp', { process: { cwd: '/tmp' } }],
  ['process.cwd that is not there', 'pwd', '/new/folder', { process: { cwd: '/new/folder' } }],
  ['process.env', 'echo $A', 'b=c', { process: { env: ['PATH=/bin', 'A=b=c'] } }],
  ['HOME by /etc/passwd', 'echo $HOME', '/home/user', { process: user() }],
  ['process.user', 'id -u; id -g; id -G', '1000\n1001\n1001 5 6', { process: user({ additionalGids: [5, 6] }) }],
  ['process.user.umask', 'umask', '0077', { process: user({ umask: 0o77 }) }],
  [
    'process.rlimits',
    'ulimit -Sn; ulimit -Hn; ulimit -c',
    '100\n200\n0',
    {
      process: {
        rlimits: [
          { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
          { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        ],
      },
    },
  ],
  [
    'process.capabilities of root',
    'grep -E "Cap(Eff|Bnd|Amb)" /proc/self/status',
    /^CapEff:\t0000000000000001\nCapBnd:\t0000000000000001\nCapAmb:\t0000000000000000$/,
    {
      process: { capabilities: { bounding: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] } },
    },
  ],
  [
    'process.capabilities, ambient',
    'grep -E "Cap(Inh|Eff|Amb)" /proc/self/status',
    /^CapInh:\t0000000000000400\nCapEff:\t0000000000000400\nCapAmb:\t0000000000000400$/,
    {
      process: {
        ...user(),
        capabilities: Object.fromEntries(
          ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'].map((set) => [set, ['CAP_NET_BIND_SERVICE']]),
        ),
      },
    },
  ],
  ['process.noNewPrivileges', 'grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\t1', { process: { noNewPrivileges: true } }],
  ['process.oomScoreAdj', 'cat /proc/self/oom_score_adj', '500', { process: { oomScoreAdj: 500 } }],
  [
    'process.scheduler',
    'set -- $(cat /proc/1/stat); shift 18; echo $1; shift 22; echo $1',
    '5\n3',
    { process: { scheduler: { policy: 'SCHED_BATCH', nice: 5 } } },
  ],
  ['process.ioPriority', 'ionice -p 1', 'best-effort: prio 2', { process: { ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 2 } } }],
  [
    'hostname, domainname',
    'hostname; cat /proc/sys/kernel/domainname',
    'name\ndomain.example',
    { config: { hostname: 'name', domainname: 'domain.example' } },
  ],
  ['root.readonly', 'touch /x 2>&1', /Read-only file system/, { config: { root: { path: 'rootfs', readonly: true } } }],
  ['mounts, bind', 'cat /m/file; touch /m/written && echo yes', 'content\nyes', { mounts: bind('rbind') }],
  ['mounts, bind read-only', 'touch /m/x 2>&1', /Read-only file system/, { mounts: bind('bind', 'ro') }],
  ['mounts, rro', 'touch /m/below/x /m/x 2>&1', /Read-only file system[\s\S]*Read-only file system/, { mounts: bind('rbind', 'rro') }],
  [
    'mounts, attributes',
    'mount | grep " /m "',
    /\(rw,nosuid,nodev,noexec,noatime,.*size=1024k,mode=700/,
    { mounts: tmpfs('nosuid', 'nodev', 'noexec', 'noatime', 'size=1m', 'mode=700') },
  ],
  [
    'mounts, options taken back',
    'mount | grep " /m "',
    /tmpfs on \/m type tmpfs \(rw,relatime/,
    { mounts: tmpfs('nosuid', 'suid', 'ro', 'rw') },
  ],
  [
    'mounts, tmpcopyup',
    'cat /bin/../etc/passwd | head -1; touch /etc/x; mount | grep -c " /etc "',
    'root:x:0:0:root:/root:/bin/sh\n1',
    {
      mounts: [{ destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] }],
    },
  ],
  ['mounts, propagation', 'grep " /m " /proc/self/mountinfo', / shared:\d+ /, { mounts: tmpfs('rshared') }],
  ['mounts, private by default', 'grep " /m " /proc/self/mountinfo', /^(?!.*shared:).*$/, { mounts: bind('bind') }],
  [
    'mounts, idmap by uidMappings',
    'stat -c "%u %g" /m/file',
    '5000 6000',
    {
      mounts: [
        {
          destination: '/m',
          type: 'bind',
          source,
          options: ['bind'],
          uidMappings: [{ containerID: 0, hostID: 5000, size: 1 }],
          gidMappings: [{ containerID: 0, hostID: 6000, size: 1 }],
        },
      ],
    },
  ],
  [
    'mounts, idmap of the container',
    'stat -c "%u %g" /out/file',
    '0 0',
    { ...userNamespace, mounts: [{ ...bind('bind', 'idmap')[0], destination: '/out' }] },
  ],
  [
    'linux.uidMappings',
    'cat /proc/self/uid_map | wc -l; id -u; stat -c %u /out/file',
    '2\n0\n65534',
    { ...userNamespace, mounts: [{ ...bind('bind')[0], destination: '/out' }] },
  ],
  [
    'linux.uidMappings and a user',
    'id -u; id -g; echo x > /dev/null && echo null',
    '1000\n1001\nnull',
    { ...userNamespace, process: user() },
  ],
  [
    'linux.timeOffsets',
    'cat /proc/self/timens_offsets',
    /monotonic\s+1000\s+5\nboottime\s+2000\s+0/,
    {
      namespaces: withNamespace('time'),
      linux: { timeOffsets: { monotonic: { secs: 1000, nanosecs: 5 }, boottime: { secs: 2000 } } },
    },
  ],
  [
    'linux.devices',
    'stat -c "%a %u %g %t:%T" /dev/mine; stat -c %F /dev/pipe',
    '640 1 2 1:3\nfifo',
    {
      linux: {
        devices: [
          { path: '/dev/mine', type: 'c', major: 1, minor: 3, fileMode: 0o640, uid: 1, gid: 2 },
          { path: '/dev/pipe', type: 'p' },
        ],
      },
    },
  ],
  [
    'default devices and links',
    'cd /dev; stat -c %t:%T null zero full random urandom tty; for link in fd stdin stdout stderr ptmx; do readlink $link; done',
    '1:3\n1:5\n1:7\n1:8\n1:9\n5:0\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx',
    {},
  ],
  [
    'linux.resources.devices',
    '{ true > /dev/kmsg; } 2>&1; true > /dev/null && echo null',
    /Operation not permitted\nnull/,
    {
      linux: { devices: [kmsg], resources: { devices: [{ allow: false, access: 'rwm' }] } },
    },
  ],
  [
    'linux.resources.devices, allowed',
    'true > /dev/kmsg && echo open; { true < /dev/kmsg; } 2>&1',
    /^open\n.*Operation not permitted$/,
    {
      linux: { devices: [kmsg], resources: { devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 11, access: 'w' }] } },
    },
  ],
  [
    'linux.resources.memory',
    limit('memory/memory.limit_in_bytes', 'memory.max'),
    '67108864',
    { mounts: [cgroupMount], linux: { resources: { memory: { limit: 67108864 } } } },
  ],
  [
    'linux.resources.cpu',
    limit('cpu/cpu.cfs_quota_us', 'cpu.max'),
    /^50000( 200000)?$/,
    { mounts: [cgroupMount], linux: { resources: { cpu: { quota: 50000, period: 200000, shares: 512 } } } },
  ],
  ['linux.resources.cpu.cpus', 'nproc', '1', { linux: { resources: { cpu: { cpus: '0' } } } }],
  [
    'linux.resources.pids',
    limit('pids/pids.max', 'pids.max'),
    '17',
    { mounts: [cgroupMount], linux: { resources: { pids: { limit: 17 } } } },
  ],
  [
    'a cgroup mount without a cgroup namespace',
    limit('pids/pids.max', 'cgroup.controllers'),
    unified ? /memory/ : '18',
    {
      namespaces: ['pid', 'mount', 'network'].map((type) => ({ type })),
      mounts: [cgroupMount],
      linux: { resources: { pids: { limit: 18 } } },
    },
  ],
  [
    'linux.sysctl',
    'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax',
    '1\n4096',
    { linux: { sysctl: { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4096' } } },
  ],
  [
    'linux.maskedPaths',
    'wc -c < /proc/uptime; ls /proc/irq | wc -l',
    '0\n0',
    { linux: { maskedPaths: ['/proc/uptime', '/proc/irq', '/proc/not-there'] } },
  ],
  [
    'linux.readonlyPaths',
    'touch /proc/sys/net/ipv4/ip_forward /tmp/x 2>&1',
    /Read-only[\s\S]*Read-only/,
    { linux: { readonlyPaths: ['/proc/sys', '/tmp', '/not-there'] } },
  ],
  [
    'linux.rootfsPropagation',
    'grep " / / " /proc/self/mountinfo || grep " / " /proc/self/mountinfo',
    / shared:\d+ /,
    { linux: { rootfsPropagation: 'rshared' } },
  ],
  ['linux.seccomp', 'mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status', /No space left on device\nSeccomp:\t2/, seccomp(refuseMkdir)],
  [
    'linux.seccomp with no_new_privs and a user',
    'mkdir /tmp/x 2>&1',
    /No space left on device/,
    { ...seccomp(refuseMkdir), process: { ...user(), noNewPrivileges: true } },
  ],
  [
    'linux.seccomp without no_new_privs, no capability left',
    'mkdir /tmp/x 2>&1; grep CapEff /proc/self/status',
    /No space left on device\nCapEff:\t0000000000000000/,
    {
      ...seccomp(refuseMkdir),
      process: { ...user(), capabilities: {} },
    },
  ],
  [
    'linux.seccomp, arguments',
    'kill -0 1 && echo yes; kill -9 1 2>&1',
    /^yes\n.*Operation not permitted$/,
    seccomp({ names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 1, value: 9, op: 'SCMP_CMP_EQ' }] }),
  ],
  ['linux.personality', 'uname -m', /^i686$|^armv/, { linux: { personality: { domain: 'LINUX32' } } }],
  [
    'a joined network namespace',
    'ls /proc/sys/net/ipv4/conf | grep -c lo',
    '1',
    { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network', path: '/proc/self/ns/net' }] },
  ],
]

describe('what config.json asks for is seen inside', () => {
  it.each(rows)('%s', (_field, script, expected, options) => {
    const seen = lab.output({ args: ['sh', '-c', `${script}; true`], ...options })
    if (typeof expected === 'string') expect(seen).toBe(expected)
    else expect(seen).toMatch(expected)
  })
})

describe('options of create', () => {
  const rootOnly = 'ls /; ls /proc/1/root | grep -c proc'
  it('--no-pivot has the root of the container all the same, and nothing of the machine mounted', () => {
    const script = `${rootOnly}; grep -cvE " /(proc|dev|dev/pts)? " /proc/self/mountinfo`
    expect(lab.output({ args: ['sh', '-c', `${script}; true`] }, '--no-pivot')).toMatch(/^bin\ndev\netc\nout\nproc\nsys\ntmp\n1\n0$/)
  })

  it('--no-new-keyring leaves the session keyring of the caller', () => {
    const sessions = (keys: string) => keys.split('\n').flatMap((line) => /^(\w+) .* _ses: /.exec(line)?.[1] ?? [])
    const callers = sessions(readFileSync('/proc/keys', 'utf8'))
    const own = sessions(lab.output({ args: ['cat', '/proc/keys'] }))
    expect(own).toHaveLength(1)
    expect(callers).not.toContain(own[0])
    expect(callers).toEqual(expect.arrayContaining(sessions(lab.output({ args: ['cat', '/proc/keys'] }, '--no-new-keyring'))))
  })
})

const disk = readFileSync('/proc/partitions', 'utf8').match(/^ +(\d+) +(\d+) +\d+ (?:vd|sd|nvme)\w+$/m)
const device = { major: Number(disk?.[1]), minor: Number(disk?.[2]) }
type Limits = readonly [
  what: string,
  resources: object,
  controller: string,
  v1: readonly [file: string, value: string],
  v2: readonly [file: string, value: string],
]
const limits: readonly Limits[] = [
  [
    'memory.reservation',
    { memory: { reservation: 33554432 } },
    'memory',
    ['memory.soft_limit_in_bytes', '33554432'],
    ['memory.low', '33554432'],
  ],
  [
    'memory.swap',
    { memory: { limit: 33554432, swap: 67108864 } },
    'memory',
    ['memory.memsw.limit_in_bytes', '67108864'],
    ['memory.swap.max', '33554432'],
  ],
  ['cpu.idle', { cpu: { idle: 1 } }, 'cpu', ['cpu.idle', '1'], ['cpu.idle', '1']],
  ['cpu.burst', { cpu: { quota: 50000, period: 100000, burst: 20000 } }, 'cpu', ['cpu.cfs_burst_us', '20000'], ['cpu.max.burst', '20000']],
  [
    'blockIO.throttle',
    { blockIO: { throttleReadBpsDevice: [{ ...device, rate: 1048576 }] } },
    unified ? 'io' : 'blkio',
    ['blkio.throttle.read_bps_device', `${device.major}:${device.minor} 1048576`],
    ['io.max', `${device.major}:${device.minor} rbps=1048576 wbps=max riops=max wiops=max`],
  ],
  [
    'hugepageLimits',
    { hugepageLimits: [{ pageSize: '2MB', limit: 4194304 }] },
    'hugetlb',
    ['hugetlb.2MB.limit_in_bytes', '4194304'],
    ['hugetlb.2MB.max', '4194304'],
  ],
  ['unified', { unified: { 'cgroup.max.depth': '7' } }, 'unified', ['', ''], ['cgroup.max.depth', '7']],
]
describe('limits are in the files of the group, and change', () => {
  const places = readHierarchies()
  it.each(limits)('linux.resources.%s', (_what, resources, controller, v1, v2) => {
    const at = places.find(({ controllers, version }) => (controller === 'unified' ? version === 2 : controllers.includes(controller)))
    const bundle = lab.bundle({ args: ['true'], linux: { resources, cgroupsPath: `${lab.group}/limits` } })
    if (!at) {
      expect(lab.fails('create', '-b', bundle, 'limits').stderr).toMatch(/is not (mounted|available)|needs cgroup v2/)
      return
    }
    lab.oci('create', '-b', bundle, 'limits')
    const [file, value] = at.version === 1 ? v1 : v2
    expect(readFileSync(join(at.mount, lab.group, 'limits', file), 'utf8').trim()).toBe(value)
    lab.oci('delete', 'limits')
    expect(lab.leftovers('limits')).toEqual([])
  })
})

const has = (path: string) => existsSync(path)
const refused: readonly (readonly [field: string, words: string, options: Omit<BundleOptions, 'args'>])[] = [
  ['linux.intelRdt', 'linux.intelRdt', { linux: { intelRdt: { closID: 'x' } } }],
  ['linux.netDevices', 'linux.netDevices', { linux: { netDevices: { eth9: {} } } }],
  ['linux.memoryPolicy', 'linux.memoryPolicy', { linux: { memoryPolicy: { mode: 'MPOL_BIND', nodes: '0' } } }],
  ['linux.personality.flags', 'linux.personality.flags', { linux: { personality: { domain: 'LINUX', flags: ['X'] } } }],
  ['rdma without a device', 'rdma', { linux: { resources: { rdma: { mlx: { hcaHandles: 1 } } } } }],
  ['a file of cgroup v2 that is a path', 'is not the name of a cgroup file', { linux: { resources: { unified: { '../x': '1' } } } }],
  ['a device without numbers', 'needs major and minor', { linux: { devices: [{ path: '/dev/x', type: 'c' }] } }],
  ['a rlimit twice', 'listed twice', { process: { rlimits: ['A', 'B'].map(() => ({ type: 'RLIMIT_NOFILE', soft: 1, hard: 1 })) } }],
  ['an environment entry without a name', 'is not NAME=VALUE', { process: { env: ['=x'] } }],
  ['a name without its namespace', 'needs a uts namespace', { namespaces: [{ type: 'mount' }], config: { hostname: 'x' } }],
  ['a bind without a source', 'a bind mount needs a source', { mounts: [{ destination: '/m', options: ['bind'] }] }],
  ['a source that is not there', '/not-there', { mounts: [{ destination: '/m', source: '/not-there', options: ['bind'] }] }],
  ['a file system that is not there', 'nosuchfs', { mounts: [{ destination: '/m', type: 'nosuchfs', source: 'x' }] }],
  [
    'a namespace that is not there',
    'open namespace /not-there',
    { namespaces: [{ type: 'mount' }, { type: 'network', path: '/not-there' }] },
  ],
  ['a sysctl that is not there', 'net.not_there', { linux: { sysctl: { 'net.not_there': '1' } } }],
  ...(has('/sys/fs/selinux/enforce')
    ? []
    : ([
        ['a label without SELinux', 'SELinux is not enabled', { process: { selinuxLabel: 'a:b:c:d' } }],
        ['a mount label without SELinux', 'SELinux is not enabled', { linux: { mountLabel: 'a:b:c:d' } }],
      ] as const)),
  ...(has('/sys/kernel/security/apparmor')
    ? []
    : ([['a profile without AppArmor', 'AppArmor is not enabled', { process: { apparmorProfile: 'mine' } }]] as const)),
  ['a cgroupsPath of systemd', 'is for systemd', { linux: { cgroupsPath: 'system.slice:gantry:x' } }],
  ['a namespace twice', 'listed twice', { namespaces: [{ type: 'mount' }, { type: 'mount' }] }],
  ['no mount namespace', 'a mount namespace is needed', { namespaces: [{ type: 'pid' }] }],
  ['time offsets without a namespace', 'time offsets need', { linux: { timeOffsets: { boottime: { secs: 1 } } } }],
  ['an unknown seccomp action', 'SCMP_ACT_NOSUCH', { linux: { seccomp: { defaultAction: 'SCMP_ACT_NOSUCH' } } }],
  [
    'notify without a listener',
    'needs listenerPath',
    { linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }] } } },
  ],
  ['an unknown mount option of a bind', 'mount option nosuch', { mounts: bind('bind', 'nosuch') }],
  ['a mount into /proc', 'lies in /proc', { mounts: [{ destination: '/proc/sys', type: 'bind', source, options: ['bind'] }] }],
  ['a limit that cannot be had', 'cgroup limit refused', { linux: { resources: { cpu: { cpus: '900' } } } }],
  ['a relative cwd', 'process.cwd', { process: { cwd: 'tmp' } }],
  ['an unknown rlimit', 'unknown limit', { process: { rlimits: [{ type: 'RLIMIT_NOSUCH', soft: 1, hard: 1 }] } }],
  ['an unknown scheduling policy', 'process.scheduler.policy', { process: { scheduler: { policy: 'SCHED_NOSUCH' } } }],
]

describe('what cannot be done is refused, with nothing left behind', () => {
  it.each(refused)('%s', (_field, words, options) => {
    expect(lab.fails('create', '-b', lab.bundle({ args: ['true'], ...options }), 'refused').stderr).toContain(words)
    expect(lab.leftovers('refused')).toEqual([])
  })
})
