import { z } from 'zod'
import { capabilityNames } from './capability-names.ts'

/** Not even a list may grant these without host access: each is a known way to the host's root. */
export const hostCapabilities = [
  'SYS_ADMIN',
  'SYS_PTRACE',
  'SYS_MODULE',
  'NET_ADMIN',
  'DAC_READ_SEARCH',
  'BPF',
  'SYS_RAWIO',
] as const satisfies (typeof capabilityNames)[number][]
/** What a host administrator may let members add to a container. */
export const grantableCapabilities = capabilityNames.filter((name) => !(hostCapabilities as readonly string[]).includes(name))

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
] as const

const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
const capability = z.enum(grantableCapabilities, 'is not a capability that members can have')

/** What members of one role may ask for on top of what every container has. */
export const memberPolicySchema = z.strictObject({
  /** Folders of the host whose content they may bind-mount. */
  bindSources: z.array(absolutePath).max(64).default([]),
  capabilities: z.array(capability).max(64).default([]),
  /** Lowest port of the host that they may publish. */
  minHostPort: z.number().int().min(1).max(65535).default(1024),
})
export type MemberPolicy = z.output<typeof memberPolicySchema>

/** The roles that a host policy speaks of: viewers change nothing. */
export const memberRoles = ['developer', 'admin'] as const
export type MemberRole = (typeof memberRoles)[number]

/** What the host administrator lets others do on this machine. */
export const hostPolicySchema = z.strictObject({
  /** Host administrators may use privileged mode, host namespaces and devices. */
  hostAccess: z.boolean().default(true),
  developer: memberPolicySchema.prefault({}),
  admin: memberPolicySchema.prefault({ capabilities: [...projectAdminCapabilities] }),
})
export type HostPolicy = z.output<typeof hostPolicySchema>
