import { type Policy, type Role, developerPolicy, hostAdminPolicy } from '@gantry/contracts'
import { z } from 'zod'

/** What the host administrator lets others do on this machine. */
export const hostPolicySchema = z.strictObject({
  /** Host administrators may use privileged mode, host namespaces and devices. */
  hostAccess: z.boolean().default(true),
  /** Folders whose content project administrators may bind-mount. */
  bindSources: z
    .array(
      z
        .string()
        .max(4096)
        .regex(/^\/[^\0]*$/, 'must be an absolute path'),
    )
    .max(64)
    .default([]),
})
export type HostPolicy = z.output<typeof hostPolicySchema>

/** Docker's default set and few harmless ones: nothing that reaches past the container's own namespaces. */
const projectAdminCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'IPC_LOCK',
  'KILL',
  'LEASE',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
  'SYS_NICE',
]

/** What the agent is to allow, decided by who asks. */
export function enginePolicy(who: { hostAdmin: boolean; role: Role }, host: HostPolicy): Policy {
  if (who.hostAdmin) return { ...hostAdminPolicy, hostAccess: host.hostAccess }
  if (who.role === 'admin') return { ...developerPolicy, bindSources: host.bindSources, capabilities: projectAdminCapabilities }
  return developerPolicy
}
