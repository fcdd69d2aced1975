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
  const stateOf = (group: CgroupRef) => (at.version === 1 ? stateV1 : stateV2)(join(at.mount, folder(group)))
  const change = (group: CgroupRef, frozen: boolean) =>
    settle(stateOf(group), group, frozen).catch((error: unknown) => {
      if (!isGone(error)) throw error
      throw new GantryError('wrong_state', `container ${group.containerId.slice(0, 12)} is not running`, {}, { cause: error })
    })
  return {
    freeze: (group) => change(group, true),
    thaw: (group) => change(group, false),
    hold: (group) => tryToSet(stateOf(group), true),
    release: (group) => tryToSet(stateOf(group), false),
  }
}

/** One group's switch. Both functions throw ENOENT or ENODEV when the group is gone. */
interface State {
  /** Whether asking once may hang half-way, so that it takes a fresh start now and then. */
  readonly mayStall: boolean
  set(frozen: boolean): void
  is(frozen: boolean): boolean
}

/** 'r+': a group that is gone must be an error, not a new file. */
const write = (path: string, value: string) => writeFileSync(path, value, { flag: 'r+' })

function stateV1(dir: string): State {
  const file = join(dir, 'freezer.state')
  return {
    mayStall: true,
    set: (frozen) => write(file, frozen ? 'FROZEN' : 'THAWED'),
    is: (frozen) => readFileSync(file, 'utf8').trim() === (frozen ? 'FROZEN' : 'THAWED'),
  }
}

function stateV2(dir: string): State {
  return {
    mayStall: false,
    set: (frozen) => write(join(dir, 'cgroup.freeze'), frozen ? '1' : '0'),
    is: (frozen) => /^frozen 1$/m.test(readFileSync(join(dir, 'cgroup.events'), 'utf8')) === frozen,
  }
}

/** Asks until the kernel reports the state. */
async function settle(state: State, group: CgroupRef, frozen: boolean): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (state.mayStall && frozen && look % LOOKS_BEFORE_RETRY === LOOKS_BEFORE_RETRY - 1) state.set(false)
    state.set(frozen)
    if (state.is(frozen)) return
    await delay(LOOK_MS)
  }
  if (frozen) state.set(false)
  throw new GantryError('timeout', `container ${group.containerId.slice(0, 12)} cannot be ${frozen ? 'paused' : 'resumed'} now`, {
    remedy: 'one of its processes waits inside the kernel; try again',
  })
}

function tryToSet(state: State, frozen: boolean): void {
  try {
    state.set(frozen)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}
