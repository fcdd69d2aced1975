import type { Backend, Caller, NewSession } from '@gantry/core'

/** What a procedure gets beside its input. */
export interface Context {
  backend: Backend
  caller: Caller
  /**
   * Sets the session's cookie, or with null removes it. It is a header, so it must come before any of the answer: the browser
   * calls `auth.*` mutations by themselves (`httpLink`), not in a streamed batch.
   */
  setSession(session: NewSession | null): void
}
