import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CgroupRef } from '../ports.ts'
import type { HostFacts } from './host-facts.ts'
import { enableControllers, removeIfEmpty } from './instance-groups.ts'
import type { Layout } from './layout.ts'

/** Before the names of groups between a project's and its containers', so that neither ids nor the kernel's file names can be meant. */
const prefix = 'sub-'

export function isParent(name: string): boolean {
  return name.startsWith(prefix)
}

/** `/web/front` → `sub-web/sub-front`; '' for a container that lies directly in its project's group. */
export function parentPath(asked: string | undefined): string {
  const names = (asked ?? '').split('/').filter((name) => name !== '')
  return names.map((name) => `${prefix}${name}`).join('/')
}

/** The groups named by `--cgroup-parent`, inside their project's: made for the first container in them, removed after the last. */
export class Parents {
  readonly #layout: Layout
  /** Containers that are in a group or about to enter it, by the group's path. */
  readonly #users = new Map<string, Set<string>>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  /** Makes what is missing. Done by the agent itself, as the instance's groups are: nothing can come between a look and a step. */
  open(project: string, { parent, containerId }: CgroupRef): void {
    for (const path of levels(project, parent)) {
      this.#users.set(path, (this.#users.get(path) ?? new Set()).add(containerId))
      for (const { mount, enable } of this.#layout.hierarchies) {
        const dir = join(mount, path)
        if (existsSync(dir)) continue
        mkdirSync(dir, { mode: 0o755 })
        enableControllers(dir, enable)
      }
    }
  }

  /** Removes those that nobody uses any more. One with groups in it that we do not know of stays. */
  close(project: string, { parent, containerId }: CgroupRef): void {
    for (const path of levels(project, parent).toReversed()) {
      const users = this.#users.get(path)
      users?.delete(containerId)
      if (users && users.size > 0) continue
      this.#users.delete(path)
      for (const { mount } of this.#layout.hierarchies) removeIfEmpty(join(mount, path))
    }
  }
}

/** From the outermost inwards, without the project's own. */
function levels(project: string, parent: string | undefined): string[] {
  const names = parentPath(parent).split('/').filter(Boolean)
  return names.map((_, index) => join(project, ...names.slice(0, index + 1)))
}

/** Removes the groups below a project's, which are empty once its containers are gone. */
export function removeParents(dir: string, facts: HostFacts): void {
  for (const name of facts.children(dir)) {
    if (!isParent(name)) continue
    removeParents(join(dir, name), facts)
    removeIfEmpty(join(dir, name))
  }
}

/** Containers at and below a group of a project, with what they were asked to lie in. */
export function containersIn(dir: string, facts: HostFacts, parent = ''): Pick<CgroupRef, 'containerId' | 'parent'>[] {
  return facts.children(dir).flatMap((name) => {
    if (isParent(name)) return containersIn(join(dir, name), facts, `${parent}/${name.slice(prefix.length)}`)
    return [parent === '' ? { containerId: name } : { containerId: name, parent }]
  })
}
