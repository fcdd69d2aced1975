import type { Op } from '@gantry/contracts'
import type { Hook } from '../config/config.ts'

/** The state's JSON in two halves, between which native code writes the pid, which nobody knows yet. */
export type StateHalves = readonly [before: string, after: string]

const MARK = 4_194_305 // above every pid (PID_MAX_LIMIT)

export function halves(state: { readonly [name: string]: unknown }): StateHalves {
  // With its key, which no string can hold unescaped: an id may well have these digits.
  const text = JSON.stringify({ ...state, pid: MARK })
  const at = text.indexOf(`"pid":${MARK}`) + '"pid":'.length
  return [text.slice(0, at), text.slice(at + String(MARK).length)]
}

/** `host` hooks run outside, before the roots change; `container` hooks run where they stand in the plan, in the new process. */
export function hookOps(kind: 'host' | 'container', hooks: readonly Hook[] | null | undefined, [before, after]: StateHalves): Op[] {
  return (hooks ?? []).map((hook): Op => {
    const args = hook.args ?? []
    const timeout = String((hook.timeout ?? 0) * 1000)
    return ['hook', kind, timeout, before, after, hook.path, String(args.length), ...args, ...(hook.env ?? [])]
  })
}
