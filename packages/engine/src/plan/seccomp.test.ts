import { describe, expect, it } from 'vitest'
import { defaultCapabilities } from './capabilities.ts'
import { defaultProfile } from './seccomp-profile.ts'
import { seccompRules } from './seccomp.ts'

const host = { arch: 'x64', kernel: '6.1.0-30-amd64', capabilities: [...defaultCapabilities, 'SYS_ADMIN', 'SYS_PTRACE'] }
const plain = { seccomp: 'default', privileged: false, capAdd: [], capDrop: [] }
const rules = (spec: Partial<Parameters<typeof seccompRules>[0]> = {}, on: Partial<typeof host> = {}) =>
  seccompRules({ ...plain, ...spec }, { ...host, ...on }) ?? ''
const profile = (value: unknown) => rules({ seccomp: JSON.stringify(value) })

describe('the default profile', () => {
  it('denies by default and looks at the other mode of the processor', () => {
    expect(rules().split('\n').slice(0, 3)).toEqual(['default ERRNO 1', 'arch x86', 'no-socketcall'])
    expect(rules({}, { arch: 'arm64' })).toContain('arch arm\n')
  })

  it.each([
    'mount',
    'bpf',
    'unshare',
    'setns',
    'keyctl',
    'add_key',
    'userfaultfd',
    'io_uring_setup',
    'open_by_handle_at',
    'kexec_load',
    'init_module',
    'reboot',
    'pidfd_getfd',
    'socketcall',
  ])('does not allow %s', (name) => {
    expect(rules()).not.toMatch(new RegExp(` ${name}\\b`))
  })

  it('allows with the capability what the capability is for', () => {
    expect(rules({ capAdd: ['SYS_ADMIN'] })).toMatch(/^rule ALLOW 1 mount$/m)
    expect(rules({ capAdd: ['SYS_PTRACE'] })).toMatch(/^rule ALLOW 1 pidfd_getfd$/m)
    expect(rules({ capAdd: ['SYS_ADMIN'] })).not.toContain('ERRNO 38 clone3')
  })

  it('never allows keys, userfaultfd and io_uring, whatever the capability', () => {
    const all = rules({ capAdd: ['ALL'] })
    for (const name of ['keyctl', 'add_key', 'request_key', 'userfaultfd', 'io_uring_setup', 'ustat', 'sysfs', 'move_pages']) {
      expect(all).not.toMatch(new RegExp(` ${name}\\b`))
    }
  })

  it('makes clone3 look absent and refuses namespaces through clone', () => {
    expect(rules()).toContain('rule ERRNO 38 clone3\n')
    expect(rules()).toContain('rule ALLOW 1 clone 0 MASKED_EQ 2114060288 0\n')
  })

  it('refuses AF_ALG and AF_VSOCK between what it allows', () => {
    expect(rules().match(/^rule ALLOW 1 socket .*$/gm)).toEqual([
      'rule ALLOW 1 socket 0 LT 38 0',
      'rule ALLOW 1 socket 0 EQ 39 0',
      'rule ALLOW 1 socket 0 GT 40 0',
    ])
  })

  it('names every call once in its main list', () => {
    const names = defaultProfile.syscalls[0]?.names ?? []
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThan(300)
  })
})

describe('a profile of the user’s', () => {
  it('may be none', () => {
    expect(seccompRules({ ...plain, seccomp: 'unconfined' }, host)).toBeNull()
    expect(seccompRules({ ...plain, privileged: true }, host)).toBeNull()
  })

  it('is read as docker does', () => {
    const text = profile({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
      syscalls: [
        { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
        { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
        { names: ['later'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '6.2' } },
        { names: ['arm_only'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } },
        { names: ['socketcall'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64'] } },
        {
          names: ['two'],
          action: 'SCMP_ACT_LOG',
          args: [
            { index: 0, value: 1, op: 'SCMP_CMP_EQ' },
            { index: 0, value: 2, op: 'SCMP_CMP_EQ' },
          ],
        },
        {
          names: ['both'],
          action: 'SCMP_ACT_KILL_PROCESS',
          args: [
            { index: 0, value: 1, op: 'SCMP_CMP_NE' },
            { index: 1, value: 2, op: 'SCMP_CMP_GE' },
          ],
        },
      ],
    })
    expect(text).toBe(
      'default ERRNO 38\narch x86\nrule ALLOW 1 read\nrule ALLOW 1 write\nrule ALLOW 1 ptrace\nrule ALLOW 1 socketcall\n' +
        'rule LOG 1 two 0 EQ 1 0\nrule LOG 1 two 0 EQ 2 0\nrule KILL_PROCESS 1 both 0 NE 1 0 1 GE 2 0\n',
    )
  })

  it.each([
    ['not json', '{'],
    ['nothing in it', '{}'],
    ['no object', 'null'],
    ['an action of its own', '{"defaultAction":"SCMP_ACT_NOTIFY"}'],
    [
      'a name that is more',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read\\nrule ALLOW 1 mount"],"action":"SCMP_ACT_ERRNO"}]}',
    ],
    [
      'a bad comparison',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}',
    ],
  ])('is refused with %s', (_, seccomp) => {
    expect(() => rules({ seccomp })).toThrowError(
      expect.objectContaining({ code: 'invalid_input', detail: expect.objectContaining({ field: 'seccomp' }) }),
    )
  })
})
