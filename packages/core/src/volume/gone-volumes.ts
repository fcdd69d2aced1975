import { listHoldings } from '@gantry/db'
import type { Backend } from '../backend.ts'

/** Names that the database holds as volumes of the project and the agent does not have. */
export async function goneVolumes({ agent, db }: Backend, projectId: string): Promise<string[]> {
  // Held names first: a volume that is made in between is in both or in the second only.
  const held = await listHoldings(db.read, { projectId, kind: 'volume' })
  const there = new Set((await agent.call('volume.list', { projectId })).map(({ name }) => name))
  return held.filter(({ key, state }) => state === 'present' && !there.has(key)).map(({ key }) => key)
}
