import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'

interface Owner {
  readonly pid: number
  /** Start time in clock ticks since boot, and the boot: a pid alone may be somebody else's by now. */
  readonly start: string
}

/**
 * Makes sure that one agent at a time works on a data folder. Throws `already_exists` naming the other agent's pid. A lock whose
 * owner is dead is taken over. Returns how to give it back.
 */
export function lockInstance(dataDir: string): () => void {
  const path = join(dataDir, 'agent.lock')
  const mine = JSON.stringify({ pid: process.pid, start: processStart(process.pid) })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    while (!tryLink(draft, path)) evictDeadOwner(path, dataDir)
  } finally {
    rmSync(draft, { force: true })
  }
  return () => {
    if (readLock(path) === mine) rmSync(path)
  }
}

function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Takes a dead owner's lock away. The move is atomic: of two agents that both saw it dead, one moves it and the other tries again. */
function evictDeadOwner(path: string, dataDir: string): void {
  const text = readLock(path)
  if (text === undefined) return
  const owner = parseOwner(text)
  if (owner && processStart(owner.pid) === owner.start) {
    throw new GantryError('already_exists', `another agent (pid ${owner.pid}) works on ${dataDir}`, {
      value: dataDir,
      remedy: 'stop it, or set GANTRY_DATA and GANTRY_RUN to other folders',
    })
  }
  const aside = `${path}.dead.${process.pid}`
  renameSync(path, aside)
  // Between look and move a living agent may have come: give it back.
  if (readLock(aside) !== text) tryLink(aside, path)
  rmSync(aside)
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner>
    return typeof value.pid === 'number' && typeof value.start === 'string' ? { pid: value.pid, start: value.start } : undefined
  } catch {
    return undefined
  }
}

/** Undefined when there is no such process. proc(5): field 22 of stat, counted after the command's closing parenthesis. */
function processStart(pid: number): string | undefined {
  const stat = readLock(`/proc/${pid}/stat`)
  const ticks = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return ticks && `${readLock('/proc/sys/kernel/random/boot_id')?.trim()} ${ticks}`
}
