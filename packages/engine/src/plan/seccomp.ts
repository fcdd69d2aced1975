import { GantryError, type ContainerSpec } from '@gantry/contracts'
import { containerCapabilities } from './capabilities.ts'
import { defaultProfile, type SeccompArgument, type SeccompCondition, type SeccompProfile, type SeccompRule } from './seccomp-profile.ts'

export interface SeccompHost {
  /** `process.arch` */
  readonly arch: string
  /** `os.release()`, e.g. `6.1.0-30-amd64` */
  readonly kernel: string
  readonly capabilities: readonly string[]
}

/** Go's names in profiles, libseccomp's for the compiler. */
const architectures: Readonly<Record<string, { native: string; names: readonly string[] }>> = {
  x64: { native: 'SCMP_ARCH_X86_64', names: ['amd64', 'x86_64', 'SCMP_ARCH_X86_64'] },
  arm64: { native: 'SCMP_ARCH_AARCH64', names: ['arm64', 'aarch64', 'SCMP_ARCH_AARCH64'] },
}

/**
 * Resolves a container's profile for this machine and its capabilities into the text gantry-seccomp compiles; the text is also
 * the cache key. Null runs without a filter. Throws `invalid_input` for a profile that is not docker's JSON format.
 */
export function seccompRules(spec: Pick<ContainerSpec, 'seccomp' | 'privileged' | 'capAdd' | 'capDrop'>, host: SeccompHost): string | null {
  if (spec.seccomp === 'unconfined' || (spec.privileged && spec.seccomp === 'default')) return null
  const profile = spec.seccomp === 'default' ? defaultProfile : parseProfile(spec.seccomp)
  return resolve(profile, { ...host, capabilities: containerCapabilities(spec, host.capabilities) })
}

/** The same for a profile that is given as it is, without conditions. */
export function profileRules(profile: SeccompProfile, host: Pick<SeccompHost, 'arch' | 'kernel'>): string {
  return resolve(profile, { ...host, capabilities: [] })
}

function parseProfile(text: string): SeccompProfile {
  let profile: Partial<SeccompProfile>
  try {
    profile = JSON.parse(text) as Partial<SeccompProfile>
  } catch (cause) {
    throw new GantryError('invalid_input', 'seccomp profile is not JSON', { field: 'seccomp' }, { cause })
  }
  if (typeof profile?.defaultAction !== 'string' || (profile.syscalls !== undefined && !Array.isArray(profile.syscalls))) {
    throw new GantryError('invalid_input', 'seccomp profile needs defaultAction and a list of syscalls', { field: 'seccomp' })
  }
  // There is nobody who would answer: a container's monitor is no listener.
  if (profile.defaultAction === 'SCMP_ACT_NOTIFY' || profile.syscalls?.some((rule) => rule.action === 'SCMP_ACT_NOTIFY')) {
    throw new GantryError('invalid_input', 'seccomp action SCMP_ACT_NOTIFY is not supported', {
      field: 'seccomp',
      value: 'SCMP_ACT_NOTIFY',
    })
  }
  return { ...profile, defaultAction: profile.defaultAction, syscalls: profile.syscalls ?? [] }
}

function resolve(profile: SeccompProfile, host: SeccompHost): string {
  const lines = [`default ${action(profile.defaultAction)} ${profile.defaultErrnoRet ?? 1}`]
  for (const arch of subArchitectures(profile, host.arch)) lines.push(`arch ${arch}`)
  const allowsSocketcall = profile.defaultAction === 'SCMP_ACT_ALLOW' || profile.syscalls.some((rule) => rule.names?.includes('socketcall'))
  if (!allowsSocketcall) lines.push('no-socketcall')
  for (const rule of profile.syscalls) if (applies(rule, host)) lines.push(...ruleLines(rule))
  return `${lines.join('\n')}\n`
}

function subArchitectures(profile: SeccompProfile, arch: string): string[] {
  const native = architectures[arch]?.native
  const mapped = profile.archMap?.find((entry) => entry.architecture === native)?.subArchitectures ?? []
  const listed = (profile.architectures ?? []).filter((name) => name !== native)
  return [...mapped, ...listed].map((name) => name.replace(/^SCMP_ARCH_/, '').toLowerCase())
}

function applies(rule: SeccompRule, host: SeccompHost): boolean {
  const { includes = {}, excludes = {} } = rule
  const has = (cap: string) => host.capabilities.includes(cap.replace(/^CAP_/, ''))
  if (includes.caps?.length && !includes.caps.every(has)) return false
  if (excludes.caps?.some(has)) return false
  if (includes.arches?.length && !includes.arches.some((name) => isArch(name, host.arch))) return false
  if (excludes.arches?.some((name) => isArch(name, host.arch))) return false
  return kernelAtLeast(includes, host.kernel, true) && !kernelAtLeast(excludes, host.kernel, false)
}

function isArch(name: string, arch: string): boolean {
  return architectures[arch]?.names.includes(name) ?? false
}

function kernelAtLeast(condition: SeccompCondition, kernel: string, absent: boolean): boolean {
  if (!condition.minKernel) return absent
  const [wantMajor = 0, wantMinor = 0] = condition.minKernel.split('.').map(Number)
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number)
  return major > wantMajor || (major === wantMajor && minor >= wantMinor)
}

function ruleLines(rule: SeccompRule): string[] {
  const names = rule.names ?? []
  const args = (rule.args ?? []).map(argument)
  // libseccomp takes one comparison for each argument in a rule; two on the same one are alternatives (as runc has it).
  const indexes = new Set((rule.args ?? []).map((arg) => arg.index))
  const groups = indexes.size === args.length ? [args.join(' ')] : args
  return names.flatMap((name) =>
    groups.map((group) => `rule ${action(rule.action)} ${rule.errnoRet ?? 1} ${checkName(name)} ${group}`.trimEnd()),
  )
}

function argument(arg: SeccompArgument): string {
  const numbers = [arg.index, arg.value, arg.valueTwo ?? 0]
  const op = /^SCMP_CMP_(NE|LT|LE|EQ|GE|GT|MASKED_EQ)$/.exec(arg.op)?.[1]
  if (!op || numbers.some((number) => !Number.isSafeInteger(number) || number < 0) || arg.index > 5) {
    throw new GantryError('invalid_input', `seccomp profile has a bad argument ${JSON.stringify(arg)}`, { field: 'seccomp' })
  }
  return `${arg.index} ${op} ${arg.value} ${arg.valueTwo ?? 0}`
}

function checkName(name: unknown): string {
  if (typeof name === 'string' && /^[a-z0-9_]{1,64}$/i.test(name)) return name
  throw new GantryError('invalid_input', `seccomp profile has a bad system call name ${JSON.stringify(name)}`, { field: 'seccomp' })
}

function action(name: string): string {
  const short = /^SCMP_ACT_(ALLOW|ERRNO|KILL|KILL_PROCESS|KILL_THREAD|TRAP|LOG|TRACE|NOTIFY)$/.exec(name)?.[1]
  if (short) return short
  throw new GantryError('invalid_input', `seccomp action ${name} is not supported`, { field: 'seccomp', value: name })
}
