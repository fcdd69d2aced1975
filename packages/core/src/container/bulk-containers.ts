import { type BulkResult, type BulkVerb, GantryError, bulkVerbs } from '@gantry/contracts'
import { z } from 'zod'
import type { Backend, Caller } from '../backend.ts'
import { containerFields } from '../lib/project-input.ts'
import { type UseCase, useCase } from '../use-case.ts'
import { removeContainer } from './change-container.ts'
import { killContainer, pauseContainer, restartContainer, startContainer, stopContainer, unpauseContainer } from './power-container.ts'

const cases: Record<BulkVerb, UseCase> = {
  start: startContainer,
  stop: stopContainer,
  kill: killContainer,
  restart: restartContainer,
  pause: pauseContainer,
  unpause: unpauseContainer,
  remove: removeContainer,
}
const atOnce = 8

/**
 * One verb on many containers; each is authorised, done and written down like a single one, and each tells its own outcome.
 * `force` and `volumes` go with `remove` only.
 */
export const bulkContainers = useCase({
  verb: 'container.bulk',
  permission: 'account.own',
  effect: 'read',
  input: z.strictObject({
    verb: z.enum(bulkVerbs),
    items: z.array(z.strictObject(containerFields)).min(1).max(1000),
    force: z.boolean().default(false),
    volumes: z.boolean().default(false),
  }),
  async run({ backend, caller }, { verb, items, force, volumes }): Promise<BulkResult[]> {
    const results: BulkResult[] = []
    let next = 0
    const work = async () => {
      while (next < items.length) {
        const index = next++
        const item = items[index]
        if (item) results[index] = await one(backend, caller, cases[verb], verb === 'remove' ? { ...item, force, volumes } : item)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    return results
  },
})

type Item = { projectId: string; container: string; force?: boolean; volumes?: boolean }

async function one(backend: Backend, caller: Caller, action: UseCase, item: Item): Promise<BulkResult> {
  const { projectId, container } = item
  try {
    await action.execute(backend, caller, item)
    return { projectId, container, ok: true, error: null }
  } catch (error) {
    if (error instanceof GantryError) return { projectId, container, ok: false, error: error.toWire() }
    throw error
  }
}
