import { copyFileSync, existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planStart } from '../plan/plan.ts'
import { Laboratory, logLines, nativeDir } from './test-container.ts'

let lab: Laboratory
let hostMounts: string
beforeAll(() => {
  hostMounts = readFileSync('/proc/self/mountinfo', 'utf8')
  lab = new Laboratory()
})
afterAll(async () => {
  await lab.dispose()
  // Where the host's mounts are shared, as on most machines, whatever goes wrong with propagation shows here.
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(hostMounts)
})

const types = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']

describe('what a container is apart from', () => {
  it('has namespaces of its own of every kind', async () => {
    const { text } = await lab.run(`for n in ${types.join(' ')}; do readlink /proc/self/ns/$n; done`)
    const inside = text.trim().split('\n')
    expect(inside).toHaveLength(types.length)
    for (const [index, type] of types.entries()) expect(inside[index]).not.toBe(readlinkSync(`/proc/self/ns/${type}`))
  })

  it('shares what it was told to share', async () => {
    const { text } = await lab.run(
      'for n in ipc pid uts net user; do readlink /proc/self/ns/$n; done',
      { networkMode: 'host', pidMode: 'host', ipcMode: 'host', utsMode: 'host', userns: 'host' },
      { sandbox: { namespaceOps: [] } },
    )
    expect(text.trim().split('\n')).toEqual(['ipc', 'pid', 'uts', 'net', 'user'].map((type) => readlinkSync(`/proc/self/ns/${type}`)))
  })

  it('runs on the host’s network in a user namespace', async () => {
    const { text, exit } = await lab.run(
      'readlink /proc/self/ns/net; cat /proc/self/uid_map; ls /sys/class/net',
      { networkMode: 'host' },
      { sandbox: { namespaceOps: [['userns.new', '5000000', '65536']] } },
    )
    expect(exit.exitCode).toBe(0)
    expect(text).toContain(readlinkSync('/proc/self/ns/net'))
    expect(text).toMatch(/0\s+5000000\s+65536/)
  })

  it('runs without a user namespace, with a network of its own', async () => {
    const { text } = await lab.run(
      'id -u; cat /proc/self/uid_map; echo made > /made; cat /made',
      { userns: 'host' },
      { sandbox: { namespaceOps: [['netns.new']] } },
    )
    expect(text).toMatch(/^0\n\s+0\s+0\s+4294967295\nmade\n$/)
  })

  it('sees its own processes only, and is the first', async () => {
    const { text } = await lab.run('echo $$; ls -d /proc/[0-9]*')
    expect(text).toMatch(/^1\n\/proc\/1\n(\/proc\/\d+\n)*$/)
    expect(text.split('\n').length).toBeLessThan(6)
  })

  it('joins the pid and ipc namespaces of another of the same user namespace', async () => {
    const first = await lab.start({ command: ['sleep', '1000'] })
    const pid = first.started.pid
    const { text } = await lab.run(
      'readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc; readlink /proc/self/ns/net; cat /proc/1/cmdline | tr "\\0" " "',
      { pidMode: `container:${first.id}`, ipcMode: `container:${first.id}`, networkMode: `container:${first.id}` },
      {
        sandbox: {
          namespaceOps: [
            ['userns.join', `/proc/${pid}/ns/user`],
            ['netns.join', `/proc/${pid}/ns/net`],
          ],
        },
        joinPid: { pid, ipc: pid },
      },
    )
    expect(text).toBe(`${['pid', 'ipc', 'net'].map((type) => readlinkSync(`/proc/${pid}/ns/${type}`)).join('\n')}\nsleep 1000 `)
    await lab.kill(first)
  })

  it('has an overlay as root and nothing of the host mounted', async () => {
    const { text } = await lab.run('cat /proc/self/mountinfo')
    const mounts = text
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    expect(mounts[0]?.[4]).toBe('/')
    expect(text.split(' - ')[1]).toMatch(/^overlay /)
    expect(text).not.toContain(' - ext4 ')
    expect(text).not.toContain(lab.dir)
    // No peer group: nothing crosses to or from the host.
    expect(text).not.toMatch(/ shared:| master:/)
  })

  it('leaves no mount on the host', async () => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8')
    const container = await lab.start({ command: ['sleep', '1000'] })
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before)
    await lab.kill(container)
  })

  it('has a minimal /dev', async () => {
    const { text } = await lab.run(
      'ls /dev; stat -c "%n %t:%T" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; readlink /dev/ptmx; readlink /dev/fd',
    )
    expect(text).toBe(
      'core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n' +
        '/dev/null 1:3\n/dev/zero 1:5\n/dev/full 1:7\n/dev/random 1:8\n/dev/urandom 1:9\n/dev/tty 5:0\npts/ptmx\n/proc/self/fd\n',
    )
  })

  it('gets a device that it was given', async () => {
    const { text } = await lab.run('stat -c "%t:%T" /dev/given; head -c 1 /dev/given | wc -c', {
      devices: [{ hostPath: '/dev/urandom', containerPath: '/dev/given' }],
    })
    expect(text).toBe('1:9\n1\n')
  })

  it('cannot make a device', async () => {
    const { text } = await lab.run('mknod /tmp/disk b 254 0; echo $?')
    expect(text).toContain('Operation not permitted\n1\n')
  })

  it('has a read-only root when asked, with writable places beside', async () => {
    const { text } = await lab.run('touch /x; touch /dev/shm/x && echo shm', { readonlyRootfs: true })
    expect(text).toBe('touch: /x: Read-only file system\nshm\n')
  })
})

describe('what is masked', () => {
  it.each(['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/interrupts'])('%s is empty', async (path) => {
    if (!existsSync(path)) expect(await lab.run(`ls ${path}`)).toMatchObject({ exit: { exitCode: 1 } })
    else expect((await lab.run(`cat ${path} | wc -c`)).text).toBe('0\n')
  })

  it('folders are empty and read-only', async () => {
    const { text } = await lab.run('ls /sys/firmware /proc/acpi 2>/dev/null | grep -v : ; touch /sys/firmware/x')
    expect(text.trim()).toBe('touch: /sys/firmware/x: Read-only file system')
  })

  it.each([
    '/proc/sys/kernel/panic',
    '/proc/irq/default_smp_affinity',
    '/proc/sysrq-trigger',
    '/sys/kernel/mm/transparent_hugepage/enabled',
  ])('%s cannot be written', async (path) => {
    const { text } = await lab.run(`(echo 1 > ${path}) 2>&1; echo status $?`, {}, {})
    expect(text).toMatch(/(Read-only file system|Permission denied|nonexistent)/)
    expect(text).not.toContain('status 0')
  })

  it('cannot be uncovered', async () => {
    const { text } = await lab.run('umount /proc/keys; umount /sys; mount -t tmpfs none /tmp; echo done')
    expect(text).not.toContain('\n0\n')
    expect(text.match(/not permitted|Permission denied|must be superuser/gi)?.length).toBeGreaterThanOrEqual(3)
  })

  it('is uncovered on demand', async () => {
    const { text } = await lab.run('grep -c " /proc/keys \\| /proc/sys " /proc/mounts', { maskPaths: false })
    expect(text).toBe('0\n')
  })

  it('refuses a mount into /proc', async () => {
    const mount = {
      type: 'bind',
      source: `${lab.layer}/etc/group`,
      target: '/proc/self/attr/current',
      readOnly: false,
      propagation: 'rprivate',
      recursive: true,
      copyUp: false,
      idmapped: true,
    } as const
    await expect(lab.start({ command: ['true'] }, { mounts: [mount] })).rejects.toMatchObject({
      message: expect.stringMatching(/in \/proc|self\/attr/),
    })
  })
})

describe('what a container may do', () => {
  const status = async (spec: Parameters<Laboratory['run']>[1]) => {
    const { text } = await lab.run('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status', spec)
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => line.split(/:\s+/)),
    )
  }
  const fourteen = '00000000a80425fb'

  it('root has the fourteen capabilities, inheritable and ambient empty', async () => {
    expect(await status({})).toEqual({
      CapInh: '0000000000000000',
      CapPrm: fourteen,
      CapEff: fourteen,
      CapBnd: fourteen,
      CapAmb: '0000000000000000',
      NoNewPrivs: '1',
      Seccomp: '2',
    })
  })

  it('another user has none but could not gain more than those', async () => {
    expect(await status({ user: 'bob' })).toMatchObject({
      CapInh: '0000000000000000',
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapBnd: fourteen,
      CapAmb: '0000000000000000',
    })
  })

  it('capabilities are added and dropped', async () => {
    expect(await status({ capDrop: ['ALL'], capAdd: ['NET_BIND_SERVICE'] })).toMatchObject({
      CapEff: '0000000000000400',
      CapBnd: '0000000000000400',
    })
  })

  it('keeps the filter without no_new_privs', async () => {
    expect(await status({ noNewPrivileges: false })).toMatchObject({ NoNewPrivs: '0', Seccomp: '2', CapEff: fourteen })
  })

  it('runs unconfined on demand', async () => {
    expect(await status({ seccomp: 'unconfined' })).toMatchObject({ Seccomp: '0' })
  })

  it('privileged gives what root has, on the host’s ids', async () => {
    const { text } = await lab.run(
      'grep -E "^CapEff" /proc/self/status; ls /dev | wc -l; touch /sys/x 2>&1',
      { privileged: true, userns: 'host' },
      { sandbox: { namespaceOps: [['netns.new']] } },
    )
    const own = /^CapBnd:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    expect(text).toContain(`CapEff:\t${own}\n`)
  })

  it('takes a profile of the user’s', async () => {
    const seccomp = JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
    })
    const { text } = await lab.run('mkdir /tmp/x', { seccomp })
    expect(text).toContain('Function not implemented')
  })

  it('cannot make a user namespace', async () => {
    const { text } = await lab.run('unshare -U true; echo $?')
    expect(text).toContain('Operation not permitted')
    expect(text).toMatch(/\n1\n$/)
  })

  it('has the sysctls it was given, in its own namespaces only', async () => {
    const before = readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8')
    const { text } = await lab.run('cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax', {
      sysctls: { 'net.ipv4.ip_default_ttl': '99', 'kernel.msgmax': '12345' },
    })
    expect(text).toBe('99\n12345\n')
    expect(readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8')).toBe(before)
  })
})

describe('ways out that have been found before', () => {
  it('a link in the image leads inside, not to the host (CVE-2018-15664, CVE-2021-30465)', async () => {
    const outside = `${lab.dir}/outside`
    mkdirSync(outside)
    const input = await lab.input({ image: 'test', command: ['sh', '-c', 'ls -d /*/victim; mount | grep -c victim'] })
    mkdirSync(`${lab.dir}/linking`)
    symlinkSync('../../../../../../../../../../tmp', `${lab.dir}/linking/escape`)
    const mount = {
      type: 'tmpfs',
      source: '',
      target: '/escape/victim',
      readOnly: false,
      propagation: '',
      recursive: false,
      copyUp: false,
      idmapped: false,
    } as const
    await lab.kernel.start(
      planStart({ ...input, mounts: [mount], rootfs: { ...input.rootfs, lowerDirs: [`${lab.dir}/linking`, lab.layer] } }),
    )
    await lab.exitOf(input.containerId)
    expect(existsSync('/tmp/victim')).toBe(false)
    expect(readFileSync(input.logPath, 'utf8')).toContain('/tmp/victim')
  })

  it('the working folder is no way back to the host (CVE-2024-21626)', async () => {
    for (const workingDir of ['/proc/self/fd/3', '/proc/self/fd/7', '/proc/self/fd/8/../../..']) {
      const result = await lab.run('pwd; ls', { workingDir }).then(
        ({ text }) => text,
        (error: { message: string }) => error.message,
      )
      expect(result).not.toContain('boot')
      expect(result).not.toContain('(unreachable)')
    }
  })

  it('running our own program again gives a sealed copy (CVE-2019-5736)', async () => {
    const result = await lab.start({ command: ['/proc/self/exe'] }).then(
      async (container) => (await container.ended).exitCode,
      (error: { detail: { exitCode?: number } }) => error.detail.exitCode,
    )
    expect(result).not.toBe(0)
    const container = await lab.start({ command: ['sleep', '1000'] })
    expect(readlinkSync(`/proc/${container.started.monitorPid}/exe`)).toBe('/memfd:gantry-launcher (deleted)')
    expect(() => writeFileSync(`/proc/${container.started.monitorPid}/exe`, 'x')).toThrow()
    await lab.kill(container)
  })

  it('a user in the image’s passwd cannot be longer than its buffer or leave the range', async () => {
    const layer = `${lab.dir}/passwd-layer`
    mkdirSync(`${layer}/etc`, { recursive: true })
    writeFileSync(
      `${layer}/etc/passwd`,
      `${'x'.repeat(100_000)}:x:0:0::/:\nbroken\nroot:x:-1:0::/:\nfar:x:70000:0::/:\nlate:x:7:8::/late:/bin/sh`,
    )
    const start = async (user: string) => {
      const input = await lab.input({ image: 'test', command: ['sh', '-c', 'id -u; echo $HOME'], user })
      await lab.kernel.start(planStart({ ...input, rootfs: { ...input.rootfs, lowerDirs: [layer, lab.layer] } }))
      await lab.exitOf(input.containerId)
      const lines = logLines(input.logPath).filter((line) => line.stream === 'stdout')
      return lines.map((line) => line.log).join('')
    }
    expect(await start('late')).toBe('7\n/late\n')
    await expect(start('far')).rejects.toMatchObject({ message: expect.stringContaining('70000') })
    await expect(start('root')).rejects.toMatchObject({ message: expect.stringContaining('not in the container') })
  })

  it('a passwd that is a fifo or leads to the host does not help (RESOLVE_IN_ROOT)', async () => {
    const layer = `${lab.dir}/linked-passwd`
    mkdirSync(`${layer}/etc`, { recursive: true })
    symlinkSync('../../../../../../etc/shadow-of-host', `${layer}/etc/passwd`)
    const input = await lab.input({ image: 'test', command: ['id', '-u'], user: '5' })
    await lab.kernel.start(planStart({ ...input, rootfs: { ...input.rootfs, lowerDirs: [layer, lab.layer] } }))
    expect(await lab.exitOf(input.containerId)).toMatchObject({ exitCode: 0 })
  })

  it('ptrace and memory of the host’s processes are out of reach', async () => {
    const { text } = await lab.run(`kill -0 ${process.pid}; ls /proc/${process.pid} 2>&1`)
    expect(text).toMatch(/No such process[\s\S]*No such file/)
  })

  it('system calls that the default profile refuses are refused, in every mode of the processor', async () => {
    copyFileSync(`${nativeDir}/gantry-probe`, `${lab.dir}/probe`)
    const mount = {
      type: 'bind',
      source: `${lab.dir}/probe`,
      target: '/probe',
      readOnly: true,
      propagation: '',
      recursive: false,
      copyUp: false,
      idmapped: true,
    } as const
    const container = await lab.start({ command: ['/probe'] }, { mounts: [mount] })
    await container.ended
    const answers = Object.fromEntries(
      container
        .log()
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    )
    const { clone3, 'x32-mount': x32, ...others } = answers
    expect([clone3, x32]).toEqual(['ENOSYS', 'ENOSYS'])
    const allowed = Object.keys(others).filter((name) => others[name] !== 'EPERM')
    // i386 by int 0x80 may be absent from the kernel (ENOSYS); where it is there, the same filter holds.
    expect(allowed.filter((name) => others[name] === 'allowed').sort()).toEqual(['i386-getpid', 'personality-0', 'socket-unix'])
    expect(allowed.filter((name) => others[name] !== 'allowed')).toEqual([])
  })
})
