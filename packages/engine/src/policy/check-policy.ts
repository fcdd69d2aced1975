import type { ContainerSpec, Policy } from '@gantry/contracts'
import { checkResources } from '../cgroup/check-resources.ts'
import { createHostFacts, type HostFacts } from '../cgroup/host-facts.ts'
import { fieldRules } from './field-rules.ts'
import { forbidden, judgeHostPath } from './host-path.ts'
import { judgeVolumeMounts } from './judge-volume.ts'

export interface PolicyContext {
  /** Canonical path of a host path, its missing tail included; through the file system when absent. */
  readonly resolvePath?: (path: string) => Promise<string>
  /** The engine's own folders: nobody without host access mounts them, nor anything that contains them. */
  readonly ownFolders?: readonly string[]
  /** The machine whose limits bound everybody; this one when absent. */
  readonly facts?: HostFacts
}
export interface PolicyVerdict {
  /** Bind source as asked → canonical host path that was judged. Mount this one, and without following links in it. */
  readonly paths: ReadonlyMap<string, string>
}

const machine = createHostFacts()

/**
 * Judges the final, normalised spec, whichever door it came through. Throws `forbidden` naming the first field that the
 * policy does not allow, `invalid_input` for what nobody may ask for, limits that this machine cannot give included.
 */
export async function checkPolicy(spec: ContainerSpec, policy: Policy, context: PolicyContext = {}): Promise<PolicyVerdict> {
  for (const [field, rule] of Object.entries(fieldRules)) {
    const refusal = rule(spec, policy)
    if (refusal) throw forbidden(refusal.field ?? field, refusal.value, refusal.text, refusal.remedy)
  }
  checkResources(spec.resources, context.facts ?? machine)
  return { paths: await checkBinds(spec, policy, context) }
}

async function checkBinds(spec: ContainerSpec, policy: Policy, context: PolicyContext): Promise<Map<string, string>> {
  const paths = new Map<string, string>()
  for (const mount of spec.mounts) {
    if (mount.type === 'bind') paths.set(mount.source, await judgeHostPath(mount.source, policy, context))
  }
  await judgeVolumeMounts(spec.mounts, policy, { ownFolders: context.ownFolders ?? [], paths })
  return paths
}
