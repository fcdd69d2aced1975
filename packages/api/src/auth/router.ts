import { type NewSession, authStatus, changePassword, listSessions, revokeSession, setUp, signIn, signOut } from '@gantry/core'
import type { User } from '@gantry/contracts'
import type { Context } from '../context.ts'
import { mutation, mutationWith, query, router } from '../trpc.ts'

/** The token goes into the cookie and nowhere else. */
function keepSession({ user, session }: { user: User; session: NewSession }, ctx: Context): User {
  ctx.setSession(session)
  return user
}

export const authRouter = router({
  status: query(authStatus),
  setup: mutationWith(setUp, keepSession),
  signIn: mutationWith(signIn, keepSession),
  signOut: mutationWith(signOut, (output, ctx) => {
    ctx.setSession(null)
    return output
  }),
  sessions: query(listSessions),
  revokeSession: mutation(revokeSession),
  changePassword: mutationWith(changePassword, keepSession),
})
