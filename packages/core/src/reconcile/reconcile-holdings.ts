import { type HoldingKind, type Transaction, deleteHoldings, findProject, holdingKinds, listHoldings, presentHoldings } from '@gantry/db'
import type { Backend } from '../backend.ts'

/**
 * Compares what the database says a project has with what the agent has: what is gone is struck off, what was made past the
 * panel (command line, removal after exit) is adopted. Reservations of running operations are left alone.
 */
export async function reconcileHoldings(backend: Backend, projectId: string): Promise<void> {
  // The database first: what is in it and then not at the agent is gone, not still to come.
  const held = await listHoldings(backend.db.read, { projectId })
  const there = await keysAtAgent(backend, projectId)
  const changes = holdingKinds.map((kind) => {
    const present = held.filter((holding) => holding.kind === kind && holding.state === 'present').map(({ key }) => key)
    const known = new Set(present)
    return { kind, gone: present.filter((key) => !there[kind].has(key)), found: [...there[kind]].filter((key) => !known.has(key)) }
  })
  if (changes.every(({ gone, found }) => gone.length + found.length === 0)) return
  await backend.db.transaction((tx) => settle(tx, projectId, changes))
}

async function settle(
  tx: Transaction,
  projectId: string,
  changes: { kind: HoldingKind; gone: string[]; found: string[] }[],
): Promise<void> {
  if (!(await findProject(tx, projectId))) return
  for (const { kind, gone, found } of changes) {
    if (gone.length > 0) await deleteHoldings(tx, projectId, kind, gone)
    await presentHoldings(tx, { projectId, kind, keys: found, createdById: null })
  }
}

async function keysAtAgent({ agent }: Backend, projectId: string): Promise<Record<HoldingKind, Set<string>>> {
  const [containers, volumes, images] = await Promise.all([
    agent.call('container.list', { projectId, all: true }),
    agent.call('volume.list', { projectId }),
    agent.call('image.list', { projectId }),
  ])
  return {
    container: new Set(containers.map(({ id }) => id)),
    volume: new Set(volumes.map(({ name }) => name)),
    // The built-in images are in every project's list and no project's own.
    image: new Set(images.filter((image) => image.projectId === projectId).map(({ id }) => id)),
  }
}
