import { existsSync } from 'node:fs'
import { capabilityNames } from '@gantry/contracts/capability-names'
import { ociVersion } from '../config/config.ts'
import { namespaceTypes, seccompFlags } from '../config/linux.ts'
import { mountOptions } from '../plan/mount-options.ts'

const actions = ['ALLOW', 'ERRNO', 'KILL', 'KILL_PROCESS', 'KILL_THREAD', 'LOG', 'NOTIFY', 'TRACE', 'TRAP']
const operators = ['EQ', 'GE', 'GT', 'LE', 'LT', 'MASKED_EQ', 'NE']
/** Those that runtime-spec names and libseccomp compiles for beside the machine's own. */
const architectures = [
  'X86',
  'X86_64',
  'X32',
  'ARM',
  'AARCH64',
  'MIPS',
  'MIPS64',
  'MIPSEL',
  'MIPSEL64',
  'PPC64',
  'PPC64LE',
  'S390',
  'S390X',
  'RISCV64',
]

/** runtime-spec, features.md */
export function features(): void {
  const shown = {
    ociVersionMin: '1.0.0',
    ociVersionMax: ociVersion,
    hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
    mountOptions,
    linux: {
      namespaces: namespaceTypes.toSorted(),
      capabilities: capabilityNames.map((name) => `CAP_${name}`),
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: actions.map((name) => `SCMP_ACT_${name}`),
        operators: operators.map((name) => `SCMP_CMP_${name}`),
        archs: architectures.map((name) => `SCMP_ARCH_${name}`),
        knownFlags: seccompFlags,
        supportedFlags: seccompFlags,
      },
      apparmor: { enabled: existsSync('/sys/kernel/security/apparmor') },
      selinux: { enabled: existsSync('/sys/fs/selinux/enforce') },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: false },
    },
    potentiallyUnsafeConfigAnnotations: [],
  }
  process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
}
