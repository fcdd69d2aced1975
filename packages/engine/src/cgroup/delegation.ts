import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Op } from '@gantry/contracts'
import { type HostFacts, isGone } from './host-facts.ts'
import type { Layout } from './layout.ts'

/** What the kernel lets whom a group is delegated to have; limits stay with who gave them (cgroup-v2.rst, Delegation). */
const delegatedFiles = ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control']
/** Groups that one container may make: each costs the kernel some memory. */
const mostGroups = 1000

export function delegateOps({ unified }: Layout, path: string, uid: number): Op[] {
  if (!unified) return []
  const dir = join(unified.mount, path)
  const owned = [dir, ...delegatedFiles.map((file) => join(dir, file))]
  return [
    ['write', join(dir, 'cgroup.max.descendants'), String(mostGroups)],
    ...(uid === 0 ? [] : owned.map((each): Op => ['chown', each, String(uid), String(uid)])),
  ]
}

/** Where a process is, in a group or below it; the group itself when it has gone or moved elsewhere. */
export function groupOf(path: string, pid: number): string {
  try {
    const own = /^0::\/(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
    return own?.startsWith(`${path}/`) ? own : path
  } catch (error) {
    if (isGone(error)) return path
    throw error
  }
}

/** The groups below one, each after those below it. */
export function groupsBelow(facts: HostFacts, dir: string): string[] {
  return facts.children(dir).flatMap((name) => [...groupsBelow(facts, join(dir, name)), join(dir, name)])
}
