import type { Op } from '@gantry/contracts'
import type { HostFacts } from './host-facts.ts'
import type { ControllerName } from './layout.ts'
import type { Level, Limits } from './limits.ts'

/** A group on its way from one set of limits to another. A group that was just made comes from `unlimited`. */
export interface Change {
  /** The group's folder in this controller's hierarchy. */
  readonly dir: string
  /** Folders above it, nearest first, up to the instance's own. */
  readonly ancestors: readonly string[]
  /** The mount of the hierarchy. */
  readonly mount: string
  readonly level: Level
  readonly fresh: boolean
  readonly before: Limits
  readonly after: Limits
  readonly facts: HostFacts
  readonly writes: Writes
}

/** What a controller wants written, in order, and what it could not do. */
export class Writes {
  readonly ops: Op[] = []
  readonly warnings: string[] = []

  write(path: string, value: string | number): void {
    this.ops.push(['write', path, String(value)])
  }

  /** For files that only some kernels have. */
  writeIfThere(path: string, value: string | number): void {
    this.ops.push(['write?', path, String(value)])
  }

  warn(text: string): void {
    if (!this.warnings.includes(text)) this.warnings.push(text)
  }
}

/** One controller: pure translation of limits into writes, for both kernel interfaces. */
export interface Controller {
  readonly name: ControllerName
  v1(change: Change): void
  v2(change: Change): void
}
