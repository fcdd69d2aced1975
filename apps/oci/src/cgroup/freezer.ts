import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { sleep } from '../sleep.ts'
import { type CgroupFolders, folderOf, isGone, unifiedFolder } from './folders.ts'

/** Looks between which v1 freezing is started over: a process in the middle of fork can hold it up for ever. */
const LOOKS_BEFORE_RETRY = 50
const LOOKS = 2000

interface Switch {
  readonly file: string
  /** Of v2: where it is read whether all are frozen. */
  readonly events?: string
  readonly value: (frozen: boolean) => string
  readonly is: (frozen: boolean) => boolean
}

export function findSwitch(folders: CgroupFolders): Switch | null {
  const v1 = folderOf(folders, 'freezer')
  if (v1) {
    const file = join(v1.dir, 'freezer.state')
    const word = (frozen: boolean) => (frozen ? 'FROZEN' : 'THAWED')
    return { file, value: word, is: (frozen) => readFileSync(file, 'utf8').trim() === word(frozen) }
  }
  const dir = unifiedFolder(folders)
  if (!dir) return null
  const events = join(dir, 'cgroup.events')
  const is = (frozen: boolean) => /^frozen 1$/m.test(readFileSync(events, 'utf8')) === frozen
  return { file: join(dir, 'cgroup.freeze'), events, value: (frozen) => (frozen ? '1' : '0'), is }
}

export function isFrozen(folders: CgroupFolders): boolean {
  try {
    return findSwitch(folders)?.is(true) ?? false
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

/** Resolves once the kernel reports the state. */
export function setFrozen(folders: CgroupFolders, frozen: boolean): void {
  const found = findSwitch(folders)
  if (!found)
    throw new GantryError('unsupported', 'containers cannot be paused: there is no freezer', {
      remedy: 'mount cgroup2 or the freezer controller',
    })
  const write = (value: boolean) => writeFileSync(found.file, found.value(value), { flag: 'r+' })
  for (let look = 0; look < LOOKS; look++) {
    if (frozen && look % LOOKS_BEFORE_RETRY === LOOKS_BEFORE_RETRY - 1) write(false)
    write(frozen)
    if (found.is(frozen)) return
    sleep(1)
  }
  if (frozen) write(false)
  throw new GantryError('timeout', `the container cannot be ${frozen ? 'paused' : 'resumed'} now: a process waits inside the kernel`)
}
