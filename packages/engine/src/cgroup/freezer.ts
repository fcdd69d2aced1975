import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { GantryError } from '@gantry/contracts'
import type { CgroupRef } from '../ports.ts'
import { isGone } from './host-facts.ts'
import type { Layout } from './layout.ts'

export interface Freezer {
  freeze(group: CgroupRef): Promise<void>
  thaw(group: CgroupRef): Promise<void>
  /** Starts freezing without waiting; nothing happens where there is no freezer. */
  hold(group: CgroupRef): void
  /** Thaws without waiting; a group that is gone or was never frozen is fine. */
  release(group: CgroupRef): void
}

/** Looks between which v1 freezing is started over: a process in the middle of fork can hold it up for ever (runc#1609). */
const LOOKS_BEFORE_RETRY = 50
const LOOKS = 1000
const LOOK_MS = 1

/** freezer.state (v1, Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst) or cgroup.freeze (v2). */
export function createFreezer(layout: Layout, folder: (group: CgroupRef) => string): Freezer {
  const at = layout.where.freezer
  if (!at) {
    const refuse = async () => {
      throw new GantryError('unsupported', 'containers cannot be paused: the freezer controller is not mounted', {
        remedy: 'mount the freezer controller, or cgroup2',
      })
    }
    return { freeze: refuse, thaw: refuse, hold: () => undefined, release: () => undefined }
  }
  const v1 = at.version === 1
  const path = (group: CgroupRef, file: string) => join(at.mount, folder(group), file)
  const set = (group: CgroupRef, frozen: boolean) => {
    // 'r+': a group that is gone must be an error, not a new file.
    if (v1) writeFileSync(path(group, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED', { flag: 'r+' })
    else writeFileSync(path(group, 'cgroup.freeze'), frozen ? '1' : '0', { flag: 'r+' })
  }
  const trySet = (group: CgroupRef, frozen: boolean) => {
    try {
      set(group, frozen)
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
  const isFrozen = (group: CgroupRef) =>
    v1
      ? readFileSync(path(group, 'freezer.state'), 'utf8').trim() === 'FROZEN'
      : /^frozen 1$/m.test(readFileSync(path(group, 'cgroup.events'), 'utf8'))
  const isThawed = (group: CgroupRef) => (v1 ? readFileSync(path(group, 'freezer.state'), 'utf8').trim() === 'THAWED' : !isFrozen(group))

  const settle = async (group: CgroupRef, frozen: boolean) => {
    for (let look = 0; look < LOOKS; look++) {
      if (v1 && frozen && look % LOOKS_BEFORE_RETRY === LOOKS_BEFORE_RETRY - 1) set(group, false)
      set(group, frozen)
      if (frozen ? isFrozen(group) : isThawed(group)) return
      await delay(LOOK_MS)
    }
    if (frozen) set(group, false)
    throw new GantryError('timeout', `container ${group.containerId.slice(0, 12)} cannot be ${frozen ? 'paused' : 'resumed'} now`, {
      remedy: 'one of its processes waits inside the kernel; try again',
    })
  }
  const translated = (group: CgroupRef, frozen: boolean) =>
    settle(group, frozen).catch((error: unknown) => {
      if (!isGone(error)) throw error
      throw new GantryError('wrong_state', `container ${group.containerId.slice(0, 12)} is not running`, {}, { cause: error })
    })
  return {
    freeze: (group) => translated(group, true),
    thaw: (group) => translated(group, false),
    hold: (group) => trySet(group, true),
    release: (group) => trySet(group, false),
  }
}
