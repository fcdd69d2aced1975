import { GantryError, type ProjectLimits } from '@gantry/contracts'
import { type HoldingCounts, type Transaction, countHoldings, findLimits, lockProject } from '@gantry/db'
import type { Backend } from '../backend.ts'
import { type Counted, checkQuota } from '../policy/quota.ts'

export interface Admission {
  limits: ProjectLimits
  counts: HoldingCounts
}

/** Locks the project until the transaction ends: whoever counts after this counts what others have reserved. */
export async function lockForAdmission(tx: Transaction, projectId: string): Promise<Admission> {
  const limits = await lockProject(tx, projectId)
  if (!limits) throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
  return { limits, counts: await countHoldings(tx, projectId) }
}

/** Throws `quota_exceeded` unless `ask` fits. `diskBytes` is what is used now, where the project has a disk limit. */
export function admit({ limits, counts }: Admission, ask: Partial<Counted>, diskBytes?: number): void {
  const usage = { containers: counts.container, volumes: counts.volume, images: counts.image, diskBytes }
  const refusal = checkQuota(usage, ask, limits)
  if (refusal) throw refusal
}

/** Bytes that the project uses, measured only where a limit asks for it. */
export async function measureDisk({ agent, db }: Backend, projectId: string): Promise<number | undefined> {
  const limits = await findLimits(db.read, projectId)
  if (limits?.diskBytes === undefined) return undefined
  const [usage] = await agent.call('project.usage', { ids: [projectId] })
  return usage?.diskBytes
}
