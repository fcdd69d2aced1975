import { type ContainerSpec, GantryError } from '@gantry/contracts'

/** Kernel settings that belong to an IPC namespace; ipc_namespaces(7). */
const ipcSysctls = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
])

/** Settings that cannot harm the neighbours: the Pod Security Standard's baseline, and the listen queue. */
const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.core.somaxconn',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

const name = /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/i

/**
 * Throws `invalid_input` for a setting that no namespace of its own would keep inside the container, and for a name that is
 * a path out of /proc/sys. Returns the settings that only a caller with host access may set.
 */
export function checkSysctls(spec: Pick<ContainerSpec, 'sysctls' | 'networkMode' | 'ipcMode'>): string[] {
  return Object.keys(spec.sysctls).filter((key) => {
    const dotted = key.replaceAll('/', '.')
    const refuse = (why: string, remedy: string) =>
      new GantryError('invalid_input', `sysctl ${key} ${why}`, { field: 'sysctls', value: key, remedy })
    if (!name.test(dotted)) throw refuse('is not the name of a kernel setting', 'write it as net.core.somaxconn')
    if (dotted.startsWith('net.')) {
      if (spec.networkMode === 'host') throw refuse('would change the host: the container shares its network', 'use a network of its own')
    } else if (ipcSysctls.has(dotted) || dotted.startsWith('fs.mqueue.')) {
      if (spec.ipcMode === 'host') throw refuse('would change the host: the container shares its IPC', 'use ipcMode private')
    } else {
      throw refuse('belongs to the whole machine and not to a container', 'set it on the host')
    }
    return !safeSysctls.has(dotted)
  })
}
