import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { release } from 'node:os'
import type { DoctorCheck, Op } from '@gantry/contracts'
import type { DoctorOptions } from './doctor.ts'

interface Probe {
  readonly group: DoctorCheck['group']
  readonly name: string
  /** Arguments of the native `probe` operation; DIR stands for a scratch folder in the data folder. */
  readonly probe: readonly string[]
  /** What happens without it. */
  readonly otherwise: { readonly status: 'fallback' | 'missing'; readonly text: string }
}

const missing = (text: string) => ({ status: 'missing', text }) as const
const fallback = (text: string) => ({ status: 'fallback', text }) as const
const namespaceOf = (name: string, otherwise: Probe['otherwise']): Probe => ({
  group: 'namespaces',
  name: `${name} namespace`,
  probe: ['namespace', name],
  otherwise,
})

/** SECCOMP_RET_USER_NOTIF of linux/seccomp.h. */
const USER_NOTIFICATION = '0x7fc00000'

const probes: readonly Probe[] = [
  { group: 'kernel', name: 'clone3', probe: ['clone3'], otherwise: missing('containers cannot be started (needs Linux 5.3)') },
  namespaceOf('mnt', missing('containers cannot be started')),
  namespaceOf('pid', missing('containers cannot be started')),
  namespaceOf('ipc', missing('containers cannot be started')),
  namespaceOf('uts', missing('containers cannot be started')),
  namespaceOf('net', missing('only host networking works')),
  namespaceOf('user', fallback('containers run with the host’s own ids (userns=host): root inside is root outside')),
  namespaceOf('cgroup', fallback('containers see the host’s cgroup paths')),
  namespaceOf('time', fallback('containers share the host’s monotonic clock')),
  {
    group: 'filesystem',
    name: 'new mount API',
    probe: ['mount-api'],
    otherwise: missing('containers cannot be started (needs Linux 5.2)'),
  },
  {
    group: 'filesystem',
    name: 'overlayfs on the data folder',
    probe: ['overlay', 'DIR/lower', 'DIR/upper', 'DIR/work'],
    otherwise: missing('layers cannot be stacked: put GANTRY_DATA on ext4, xfs or btrfs'),
  },
  {
    group: 'filesystem',
    name: 'id-mapped mounts on the data folder',
    probe: ['idmap', 'DIR/lower'],
    otherwise: fallback('containers run with the host’s own ids (userns=host); ext4, xfs, btrfs and tmpfs can be mapped'),
  },
  {
    group: 'filesystem',
    name: 'project quota',
    probe: ['quota', 'DIR/lower'],
    otherwise: fallback('no --storage-opt size=: mount the file system of GANTRY_DATA (ext4, xfs) with prjquota'),
  },
  { group: 'network', name: 'bridge', probe: ['link', 'bridge'], otherwise: missing('only none and host networking work') },
  { group: 'network', name: 'veth', probe: ['link', 'veth'], otherwise: missing('only none and host networking work') },
  { group: 'network', name: 'vxlan', probe: ['link', 'vxlan'], otherwise: fallback('no overlay networks across hosts') },
  { group: 'network', name: 'macvlan', probe: ['link', 'macvlan'], otherwise: fallback('no macvlan networks') },
  {
    group: 'network',
    name: 'nftables',
    probe: ['nftables'],
    otherwise: missing('no published ports, no way out, no isolation of networks'),
  },
  { group: 'security', name: 'seccomp', probe: ['seccomp'], otherwise: missing('system calls are not filtered') },
  {
    group: 'security',
    name: 'seccomp user notification',
    probe: ['seccomp', USER_NOTIFICATION],
    otherwise: fallback('denied calls cannot be shown (needs Linux 5.0)'),
  },
  { group: 'security', name: 'no_new_privs', probe: ['no-new-privs'], otherwise: missing('set-user-id programs can gain privileges') },
  { group: 'security', name: 'Landlock', probe: ['landlock'], otherwise: fallback('nothing: the other layers stay') },
]

/** Errors that say "a link of this kind needs a parent": the kernel knows the kind. */
const knownKind: Readonly<Record<string, readonly string[]>> = { macvlan: ['EINVAL', 'ENODEV'] }

/** Asks the kernel all questions in one go. */
export async function checkKernel({ config, kernel }: DoctorOptions): Promise<DoctorCheck[]> {
  const scratch = await mkdtemp(join(config.dataDir, '.doctor-'))
  try {
    await Promise.all(['lower', 'upper', 'work'].map((name) => mkdir(join(scratch, name))))
    const ops = probes.map(({ probe }): Op => ['probe', ...probe.map((word) => word.replace('DIR', scratch))])
    const answers = await kernel.ops(ops)
    return [version(), ...probes.map((probe, index) => judge(probe, answers[index] ?? ''))]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function judge({ group, name, probe, otherwise }: Probe, answer: string): DoctorCheck {
  const known = probe[0] === 'link' && knownKind[probe[1] ?? '']?.includes(answer)
  if (answer === 'ok' || known) return { group, name, status: 'ok', found: 'works', consequence: '' }
  return { group, name, status: otherwise.status, found: answer, consequence: otherwise.text }
}

function version(): DoctorCheck {
  return { group: 'kernel', name: 'Linux', status: 'ok', found: release(), consequence: '' }
}
