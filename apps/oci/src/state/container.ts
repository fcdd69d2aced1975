import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import type { CgroupFolders } from '../cgroup/folders.ts'
import { isFrozen } from '../cgroup/freezer.ts'
import type { Hooks } from '../config/config.ts'
import { isAlive, readStat } from '../kernel/process.ts'

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped'

/** What `state.json` holds: all that later commands need to know. */
export interface Record {
  readonly ociVersion: string
  readonly id: string
  readonly bundle: string
  readonly rootfs: string
  readonly created: string
  readonly owner: string
  readonly annotations: { readonly [name: string]: string }
  readonly cgroup: CgroupFolders
  readonly hooks: Pick<Hooks, 'poststart' | 'poststop'>
  /** Who makes it: while that process is there and `pid` is not, the container is being created. */
  readonly creator: { readonly pid: number; readonly startTicks: number }
  /** Process 1, once it waits to be started. */
  readonly pid?: number
  readonly startTicks?: number
}

const idPattern = /^[\w+.-]{1,1024}$/

/** One container's folder below the root: `state.json`, `config.json`, and two fifos while it waits to be started. */
export class Container {
  readonly id: string
  readonly dir: string

  constructor(root: string, id: string) {
    if (!idPattern.test(id) || id.startsWith('.')) {
      throw new GantryError('invalid_input', `container id "${id}" may have letters, digits and _ + - . only, and not start with a dot`)
    }
    this.id = id
    this.dir = join(root, id)
  }

  get startFifo(): string {
    return join(this.dir, 'start.fifo')
  }
  get resultFifo(): string {
    return join(this.dir, 'result.fifo')
  }
  get configFile(): string {
    return join(this.dir, 'config.json')
  }
  /** What native/build/gantry-oci reads: state/front.ts. */
  get frontFile(): string {
    return join(this.dir, 'front')
  }
  get exists(): boolean {
    return existsSync(this.dir)
  }

  /** The folder itself is the claim to the name. */
  claim(root: string): void {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    try {
      mkdirSync(this.dir, { mode: 0o700 })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      throw new GantryError('already_exists', `container with id ${this.id} already exists: container ID already in use`)
    }
  }

  write(record: Record): void {
    const path = join(this.dir, 'state.json')
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 })
    const fd = openSync(temporary, 'r')
    fsyncSync(fd)
    closeSync(fd)
    renameSync(temporary, path)
  }

  /** Null when there is a folder but, as its maker was killed, nothing in it. */
  tryRead(): Record | null {
    if (!this.exists) throw new GantryError('not_found', `container "${this.id}" does not exist`)
    try {
      return JSON.parse(readFileSync(join(this.dir, 'state.json'), 'utf8'))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    }
  }

  read(): Record {
    const record = this.tryRead()
    if (record) return record
    throw new GantryError('wrong_state', `container "${this.id}" was never made: its runtime was killed`, {
      remedy: `delete --force ${this.id}`,
    })
  }

  status(record: Record): Status {
    if (record.pid === undefined || record.startTicks === undefined) {
      return isAlive(record.creator.pid, record.creator.startTicks) ? 'creating' : 'stopped'
    }
    if (!isAlive(record.pid, record.startTicks)) return 'stopped'
    if (existsSync(this.startFifo)) return 'created'
    return isFrozen(record.cgroup) ? 'paused' : 'running'
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** Names of all containers below the root. */
export function listIds(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : [],
    )
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

export function thisProcess(): Record['creator'] {
  return { pid: process.pid, startTicks: readStat(process.pid)?.startTicks ?? 0 }
}

/** The state as the specification shows it to hooks and callers. */
export function publicState(record: Record, status: Status): { [name: string]: unknown } {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    status,
    pid: status === 'stopped' ? 0 : (record.pid ?? 0),
    bundle: record.bundle,
    annotations: record.annotations,
  }
}

/** The same as the verb `state` prints it. */
export function shownState(record: Record, status: Status): { [name: string]: unknown } {
  const { rootfs, created, owner } = record
  return { ...publicState(record, status), rootfs, created, owner }
}

/** As `list` has it. */
export function listedState(record: Record, status: Status) {
  const { ociVersion, id, bundle, rootfs, created, owner, annotations } = record
  return { ociVersion, id, pid: status === 'stopped' ? 0 : (record.pid ?? 0), status, bundle, rootfs, created, annotations, owner }
}
