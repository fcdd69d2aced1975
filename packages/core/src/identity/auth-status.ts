import type { AuthStatus } from '@gantry/contracts'
import { countUsers } from '@gantry/db'
import { z } from 'zod'
import { useCase } from '../use-case.ts'

export const authStatus = useCase({
  verb: 'auth.status',
  permission: 'public',
  effect: 'read',
  input: z.void(),
  async run({ backend, user }): Promise<AuthStatus> {
    return { needsSetup: user === null && (await countUsers(backend.db.read)) === 0, user }
  },
})
