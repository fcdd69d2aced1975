import { type HostPolicy, type Policy, type Role, developerPolicy, hostAdminPolicy } from '@gantry/contracts'

/** What the agent is to allow, decided by who asks. */
export function enginePolicy(who: { hostAdmin: boolean; role: Role }, host: HostPolicy): Policy {
  if (who.hostAdmin) return { ...hostAdminPolicy, hostAccess: host.hostAccess }
  if (who.role === 'viewer') return developerPolicy
  return { hostAccess: false, ...host[who.role] }
}
