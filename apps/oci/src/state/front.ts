import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Op } from '@gantry/contracts'
import { type CgroupFolders, unifiedFolder } from '../cgroup/folders.ts'
import { findSwitch } from '../cgroup/freezer.ts'
import { encodeOps } from '../kernel/encode.ts'
import { type Container, listedState, type Record, shownState } from './container.ts'

/** Changes with the meaning of what is written: a front of another version leaves the container to node. */
const VERSION = '1'
const PID = 4_194_305 // above every pid (PID_MAX_LIMIT)

/** Once the container is made; its record does not change any more. */
export function writeFront(container: Container, record: Record): void {
  const temporary = `${container.frontFile}.${process.pid}`
  writeFileSync(temporary, encodeOps(frontOps(record)), { mode: 0o600 })
  renameSync(temporary, container.frontFile)
}

/**
 * What native/src/oci.h lists: all that those verbs need that decide nothing, for a program that starts in a millisecond.
 */
export function frontOps(record: Record): Op[] {
  const made = { ...record, pid: PID }
  return [
    ['front', VERSION],
    ['process', String(record.pid), String(record.startTicks)],
    ['state', ...cut(JSON.stringify(shownState(made, 'running'), null, 2), ['"status": "', 'running'], ['"pid": ', String(PID)])],
    ['row', ...cut(JSON.stringify(listedState(made, 'running')), ['"pid":', String(PID)], ['"status":"', 'running'])],
    ['cells', record.id, record.bundle, record.created],
    ...freezerOps(record.cgroup),
    ...record.cgroup.hierarchies.map(({ mount }): Op => ['group', join(mount, record.cgroup.path)]),
    ...record.cgroup.parents.map((dir): Op => ['parent', dir]),
    ...killOps(record.cgroup),
    ...(['poststart', 'poststop'] as const).flatMap((when): Op[] => (record.hooks[when]?.length ? [['hooks', when]] : [])),
  ]
}

/** Around two values in order. Keys come before all that a caller chose but the id, which has no quotes: the first place is the one. */
function cut(text: string, ...values: readonly (readonly [key: string, value: string])[]): string[] {
  const pieces: string[] = []
  let from = 0
  for (const [key, value] of values) {
    const at = text.indexOf(key + value, from) + key.length
    pieces.push(text.slice(from, at))
    from = at + value.length
  }
  return [...pieces, text.slice(from)]
}

function freezerOps(folders: CgroupFolders): Op[] {
  const found = findSwitch(folders)
  if (!found) return []
  return [found.events === undefined ? ['freezer', 'v1', found.file] : ['freezer', 'v2', found.file, found.events]]
}

function killOps(folders: CgroupFolders): Op[] {
  const dir = unifiedFolder(folders)
  return dir === undefined ? [] : [['kill', join(dir, 'cgroup.kill')]]
}
