import { type HostPolicy, hostPolicySchema } from '@gantry/contracts'
import { type Database, readSetting, writeSetting } from '@gantry/db'
import { z } from 'zod'
import { useCase } from '../use-case.ts'

/** Version 1 knew no roles; it could be set by API only. */
const key = 'host.policy.2'

/** What the host administrator lets others do; the defaults until it was set. */
export async function hostPolicy(db: Database['read']): Promise<HostPolicy> {
  return hostPolicySchema.parse((await readSetting(db, key)) ?? {})
}

export const getHostPolicy = useCase({
  verb: 'host.policy',
  permission: 'host.manage',
  effect: 'read',
  input: z.void(),
  run: ({ backend }): Promise<HostPolicy> => hostPolicy(backend.db.read),
})

export const setHostPolicy = useCase({
  verb: 'host.setPolicy',
  permission: 'host.manage',
  effect: 'database',
  input: hostPolicySchema,
  object: () => 'host policy',
  async run({ commit }, policy): Promise<HostPolicy> {
    await commit((tx) => writeSetting(tx, key, policy))
    return policy
  },
})
