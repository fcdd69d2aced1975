import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { sleep } from '../sleep.ts'
import { type Hierarchy, readHierarchies } from './hierarchies.ts'

/** A container's group in every hierarchy. */
export interface CgroupFolders {
  /** Below each mount, starting with a slash. */
  readonly path: string
  readonly hierarchies: readonly Hierarchy[]
  /** Groups above it that were made for it, innermost first: removed with it when they are empty. */
  readonly parents: readonly string[]
}

/** Where the container's group will be. Nothing is made yet, so that a crash finds the paths on record. */
export function planFolders(cgroupsPath: string | null | undefined, id: string): CgroupFolders {
  const wanted = cgroupsPath || `/${id}`
  if (/^[^/]+:[^/]*:[^/]+$/.test(wanted)) {
    throw new GantryError('unsupported', `cgroupsPath ${wanted} is for systemd, which does not manage our groups`, {
      field: 'linux.cgroupsPath',
      remedy: 'use the cgroupfs driver (podman: --cgroup-manager=cgroupfs, docker: native.cgroupdriver=cgroupfs)',
    })
  }
  const path = join('/', wanted)
  if (path === '/') throw new GantryError('invalid_input', 'cgroupsPath names the root of all groups', { field: 'linux.cgroupsPath' })
  const hierarchies = readHierarchies()
  const parents: string[] = []
  for (const { mount } of hierarchies) {
    for (let up = dirname(path); up !== '/'; up = dirname(up)) {
      if (!existsSync(join(mount, up))) parents.push(join(mount, up))
    }
  }
  return { path, hierarchies, parents }
}

export function folderOf(folders: CgroupFolders, controller: string): { dir: string; version: 1 | 2; mount: string } | undefined {
  const at = folders.hierarchies.find(({ controllers }) => controllers.includes(controller))
  return at && { dir: join(at.mount, folders.path), version: at.version, mount: at.mount }
}

export function unifiedFolder(folders: CgroupFolders): string | undefined {
  const at = folders.hierarchies.find(({ version }) => version === 2)
  return at && join(at.mount, folders.path)
}

/** True on a machine that has cgroup v2 only. */
export function isUnified(folders: CgroupFolders): boolean {
  return folders.hierarchies.every(({ version }) => version === 2)
}

export function makeFolders(folders: CgroupFolders): void {
  for (const hierarchy of folders.hierarchies) {
    // Another container's end may remove a parent between two of our steps.
    for (let attempt = 0; ; attempt++) {
      try {
        makeIn(hierarchy, folders.path)
        break
      } catch (error) {
        if (attempt === 5 || !isGone(error)) throw refused(hierarchy, folders.path, error)
      }
    }
  }
}

function refused({ mount }: Hierarchy, path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error
  return new GantryError('invalid_input', `cgroup ${join(mount, path)} cannot be made: ${error.message}`, {}, { cause: error })
}

function makeIn(hierarchy: Hierarchy, path: string): void {
  let dir = hierarchy.mount
  for (const part of path.split('/').filter(Boolean)) {
    if (hierarchy.version === 2) handDown(dir, hierarchy.controllers)
    const parent = dir
    dir = join(dir, part)
    if (!existsSync(dir)) mkdirSync(dir, { mode: 0o755 })
    if (hierarchy.controllers.includes('cpuset') && hierarchy.version === 1) inheritCpuset(parent, dir)
  }
}

/**
 * A v2 group has the files of those controllers that every group above hands down. A group with processes cannot hand down
 * (EBUSY): what is then missing is told by the limit that needs it.
 */
function handDown(dir: string, controllers: readonly string[]): void {
  const file = join(dir, 'cgroup.subtree_control')
  const enabled = readFileSync(file, 'utf8').split(/\s+/)
  const available = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').split(/\s+/)
  for (const name of controllers) {
    if (enabled.includes(name) || !available.includes(name)) continue
    try {
      writeFileSync(file, `+${name}`)
    } catch (error) {
      if (isGone(error)) throw error
    }
  }
}

/** A fresh v1 cpuset is empty and takes no process. */
function inheritCpuset(parent: string, dir: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const file = join(dir, name)
    if (readFileSync(file, 'utf8').trim() === '') writeFileSync(file, readFileSync(join(parent, name), 'utf8').trim())
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV')
}

const WAITS = 200
const WAIT_MS = 10

/** Removes the group with all below it. A process on its last steps keeps it busy for a moment. */
export function removeFolders(folders: CgroupFolders): void {
  for (const { mount } of folders.hierarchies) removeTree(join(mount, folders.path))
  for (const dir of folders.parents) removeIfEmpty(dir)
}

function removeTree(dir: string): void {
  let below: string[]
  try {
    below = readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch (error) {
    if (isGone(error)) return
    throw error
  }
  for (const name of below) removeTree(join(dir, name))
  for (let wait = 0; !removeIfEmpty(dir); wait++) {
    if (wait === WAITS) throw new GantryError('timeout', `cgroup ${dir} is still in use`)
    sleep(WAIT_MS)
  }
}

function removeIfEmpty(dir: string): boolean {
  try {
    rmdirSync(dir)
    return true
  } catch (error) {
    if (isGone(error)) return true
    if (error instanceof Error && 'code' in error && (error.code === 'EBUSY' || error.code === 'ENOTEMPTY')) return false
    throw error
  }
}
