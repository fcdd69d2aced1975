import { containerDefaults, GantryError, type ContainerSpec, type Op } from '@gantry/contracts'
import { capabilityOps } from './capabilities.ts'
import { sharesHostName } from './namespaces.ts'
import type { ExecInput, StartInput } from './plan.ts'
import { rlimitOps } from './rlimits.ts'

/** Where gantry-init lies inside a container with `init`. */
export const initPath = '/sbin/docker-init'

/**
 * Entrypoint and command after the image's defaults are applied: an entrypoint of one's own clears the image's command.
 * Throws `invalid_input` when nothing is left to run.
 */
export function commandLine(
  spec: Pick<ContainerSpec, 'entrypoint' | 'command'>,
  image: { readonly entrypoint: readonly string[]; readonly command: readonly string[] },
): string[] {
  const entrypoint = spec.entrypoint ?? image.entrypoint
  const command = spec.command ?? (spec.entrypoint === undefined ? image.command : [])
  const line = [...entrypoint, ...command]
  if (line.length === 0) {
    throw new GantryError('invalid_input', 'no command: neither the image nor the request has one', {
      field: 'command',
      remedy: 'give a command, for example sh',
    })
  }
  return line
}

/** Rlimits while still root, then identity, then the locks (no_new_privs, seccomp), then the environment and the command. */
export function processOps(input: StartInput): Op[] {
  const { spec, image } = input
  const line = commandLine(spec, image)
  const env: string[] = [containerDefaults.path]
  if (!sharesHostName(spec)) env.push(`HOSTNAME=${spec.hostname ?? input.containerId.slice(0, 12)}`)
  return [
    ...(spec.oomScoreAdj === undefined ? [] : [['oom_score_adj', String(spec.oomScoreAdj)] as Op]),
    ...rlimitOps(spec.ulimits),
    ['keyring', input.containerId],
    ['cwd', spec.workingDir ?? (image.workingDir || '/')],
    ...identityOps(input, spec.user ?? image.user, spec.groups),
    ...(sharesHostName(spec) ? hostNameOps(spec.env) : []),
    ...environment([...env, ...(spec.tty ? ['TERM=xterm'] : []), ...image.env, ...spec.env]).map((entry): Op => ['env', entry]),
    ['exec', ...(spec.init ? [initPath, '--', ...line] : line)],
  ]
}

/** As the container's process, with the exec's own user, folder and variables; `privileged` gives every capability root has. */
export function execProcessOps(input: ExecInput): Op[] {
  const { spec, container, image } = input
  const env = [containerDefaults.path, ...(spec.tty ? ['TERM=xterm'] : []), ...image.env, ...container.env, ...spec.env]
  const rights = { ...input, spec: { ...container, privileged: container.privileged || spec.privileged } }
  return [
    ...(container.oomScoreAdj === undefined ? [] : [['oom_score_adj', String(container.oomScoreAdj)] as Op]),
    ...(spec.tty ? [['console'] as Op] : []),
    ...rlimitOps(container.ulimits),
    ['keyring', input.execId],
    ['cwd', spec.workingDir ?? container.workingDir ?? (image.workingDir || '/')],
    ...identityOps(rights, spec.user ?? container.user ?? image.user, container.groups),
    ...hostNameOps(env),
    ...environment(env).map((entry): Op => ['env', entry]),
    ['exec', ...spec.command],
  ]
}

interface Rights {
  readonly spec: Pick<ContainerSpec, 'privileged' | 'capAdd' | 'capDrop' | 'noNewPrivileges' | 'apparmor'>
  readonly hostCapabilities: readonly string[]
  readonly seccompFile: string | null
}

/**
 * The filter is the last lock. Without no_new_privs the kernel takes one only from CAP_SYS_ADMIN, so there it comes before the
 * capabilities are dropped (seccomp(2)).
 */
function identityOps(rights: Rights, user: string, groups: readonly string[]): Op[] {
  const { spec } = rights
  const seccomp: Op[] = rights.seccompFile === null ? [] : [['seccomp', rights.seccompFile]]
  const identity: Op[] = [...capabilityOps(spec, rights.hostCapabilities), ['user', user, ...groups]]
  const locked = spec.noNewPrivileges && !spec.privileged
  return [...apparmorOps(spec), ...(locked ? [...identity, ['no_new_privs'] as Op, ...seccomp] : [...seccomp, ...identity])]
}

/** Written while still root: the kernel takes the profile on at the exec (apparmor(7)). */
function apparmorOps({ apparmor }: Pick<ContainerSpec, 'apparmor'>): Op[] {
  return apparmor === undefined || apparmor === 'unconfined' ? [] : [['apparmor', apparmor]]
}

/** Unless it is set, or taken away, by name. */
function hostNameOps(env: readonly string[]): Op[] {
  return env.some((entry) => /^HOSTNAME(=|$)/.test(entry)) ? [] : [['env.hostname']]
}

/** Later entries win, at the place of the first with that name; a name without a value takes the variable away. */
export function environment(entries: readonly string[]): string[] {
  const byName = new Map<string, string>()
  for (const entry of entries) {
    const name = entry.split('=', 1)[0] ?? entry
    if (name === entry) byName.delete(name)
    else byName.set(name, entry)
  }
  return [...byName.values()]
}
