import { type HostPolicy, hostPolicySchema, type MemberPolicy, type MemberRole, memberRoles } from '@gantry/contracts'
import { quoteWord } from '../../lib/shell-words.ts'
import { parseCount } from '../../lib/units.ts'

/** A role's policy as it is edited. */
export type MemberValues = { bindSources: string; capabilities: readonly MemberPolicy['capabilities'][number][]; minHostPort: string }
export type PolicyValues = { hostAccess: boolean } & Record<MemberRole, MemberValues>
type MemberField = keyof MemberValues
export type PolicyErrors = Partial<Record<`${MemberRole}.${MemberField}`, string>>

export function policyValues({ hostAccess, developer, admin }: HostPolicy): PolicyValues {
  const values = ({ bindSources, capabilities, minHostPort }: MemberPolicy) => ({
    bindSources: bindSources.join('\n'),
    capabilities,
    minHostPort: `${minHostPort}`,
  })
  return { hostAccess, developer: values(developer), admin: values(admin) }
}

/** The policy that was meant, or what is wrong with which field. */
export function readPolicy(values: PolicyValues): { ok: true; policy: HostPolicy } | { ok: false; errors: PolicyErrors } {
  const member = ({ bindSources, capabilities, minHostPort }: MemberValues) => ({
    bindSources: lines(bindSources),
    capabilities,
    // left empty it is no port, not the default
    minHostPort: parseCount(minHostPort) ?? Number.NaN,
  })
  const parsed = hostPolicySchema.safeParse({
    hostAccess: values.hostAccess,
    developer: member(values.developer),
    admin: member(values.admin),
  })
  if (parsed.success) return { ok: true, policy: parsed.data }
  const errors: PolicyErrors = {}
  for (const { path, message } of parsed.error.issues) {
    const role = memberRoles.find((name) => name === path[0])
    const at = typeof path[2] === 'number' && role ? `${lines(values[role].bindSources)[path[2]]}: ` : ''
    errors[path.slice(0, 2).join('.') as keyof PolicyErrors] ??= at + message
  }
  return { ok: false, errors }
}

const lines = (text: string) => [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== '')

/** The flags of `docker run` that a member of the role has by this policy; undefined when it gives nothing beyond the usual. */
export function policyExample({ bindSources, capabilities, minHostPort }: MemberPolicy): string | undefined {
  const flags = [
    ...bindSources.slice(0, 1).map((path) => `--volume ${quoteWord(`${path}:/mnt`)}`),
    ...capabilities.slice(0, 1).map((name) => `--cap-add ${name}`),
    ...(minHostPort < 1024 ? [`--publish ${minHostPort}:${minHostPort}`] : []),
  ]
  return flags.length === 0 ? undefined : `docker run ${flags.join(' ')} …`
}
