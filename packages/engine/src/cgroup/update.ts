import { basename, join } from 'node:path'
import { GantryError, type Resources } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { CgroupRef, Cgroups } from '../ports.ts'
import type { HostFacts } from './host-facts.ts'
import type { Layout } from './layout.ts'
import { parseCount, parseFlat } from './parse.ts'
import { formatBytes } from './words.ts'

export interface UpdateRequest {
  readonly layout: Layout
  readonly kernel: Pick<Kernel, 'ops'>
  readonly facts: HostFacts
  readonly path: string
  readonly group: CgroupRef
  readonly before: Resources
  readonly after: Resources
  readonly updateOps: Cgroups['updateOps']
}

/** All or nothing: a limit that the kernel refuses puts those before it back. Resolves with warnings. */
export async function applyUpdate(request: UpdateRequest): Promise<string[]> {
  const { kernel, group, before, after, updateOps } = request
  const { ops, warnings } = updateOps(group, before, after)
  if (ops.length === 0) return warnings
  refuseBelowUse(request)
  try {
    await kernel.ops(ops)
  } catch (error) {
    const failure = explain(request, error)
    try {
      await kernel.ops(updateOps(group, after, before).ops)
    } catch (undo) {
      throw new GantryError(failure.code, failure.message, failure.detail, { cause: new AggregateError([error, undo]) })
    }
    throw failure
  }
  return [...warnings, ...pidsWarning(request)]
}

/**
 * On v2 the kernel kills to get below a new memory.max, on v1 it refuses; nobody wants the former. File cache can be dropped,
 * so it does not count.
 */
function refuseBelowUse({ layout, facts, path, after, before }: UpdateRequest): void {
  const at = layout.where.memory
  if (!at || !after.memoryBytes || after.memoryBytes >= (before.memoryBytes ?? Number.POSITIVE_INFINITY)) return
  const read = (file: string) => facts.read(join(at.mount, path, file))
  const stat = parseFlat(read('memory.stat'))
  const prefix = at.version === 1 ? 'total_' : ''
  const cache = (stat[`${prefix}inactive_file`] ?? 0) + (stat[`${prefix}active_file`] ?? 0)
  const usage = parseCount(read(at.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'))
  if (usage - cache > after.memoryBytes) throw belowUse(after.memoryBytes, usage)
}

function belowUse(limitBytes: number, usageBytes: number): GantryError {
  const [limit, usage] = [formatBytes(limitBytes), formatBytes(usageBytes)]
  return new GantryError('wrong_state', `memory limit ${limit} is below current usage ${usage}`, {
    field: 'resources.memoryBytes',
    limit,
    used: usage,
    remedy: `ask for more than ${usage}, or free memory in the container first`,
  })
}

function pidsWarning({ layout, facts, path, after }: UpdateRequest): string[] {
  const at = layout.where.pids
  if (!at || !after.pidsLimit || after.pidsLimit < 0) return []
  const current = parseCount(facts.read(join(at.mount, path, 'pids.current')))
  return current > after.pidsLimit ? [`${current} processes run already: the limit of ${after.pidsLimit} stops only new ones`] : []
}

/** Turns "write to that file gave EBUSY" into what a person asked for and why it cannot be. */
function explain({ layout, facts, path, group, after }: UpdateRequest, error: unknown): GantryError {
  if (!(error instanceof GantryError)) return new GantryError('internal', 'limits could not be written', {}, { cause: error })
  const { errno, step = '' } = error.detail
  if (errno === 'ENOENT' || errno === 'ENODEV') {
    return new GantryError('wrong_state', `container ${group.containerId.slice(0, 12)} is not running`, error.detail, { cause: error })
  }
  const text = `${step} ${error.message}`
  if (errno === 'EBUSY' && /memory\.(memsw\.)?limit_in_bytes/.test(text) && layout.where.memory && after.memoryBytes) {
    const usage = facts.read(join(layout.where.memory.mount, path, 'memory.usage_in_bytes'))
    return belowUse(after.memoryBytes, parseCount(usage))
  }
  const file = /\S*\/([a-z]+\.[\w.]+)/.exec(text)
  const name = file?.[1] ? basename(file[1]) : 'a limit'
  return new GantryError('invalid_input', `the kernel refused ${name}: ${error.message}`, error.detail, { cause: error })
}
