import { type ErrorCode, type ErrorDetail, wireErrorSchema } from '@gantry/contracts'

export type PanelError = { code: ErrorCode | 'network'; message: string; detail: ErrorDetail }

/** What a failed request says, whatever failed: the gateway's own error, or no answer at all (`network`). */
export function wireError(error: unknown): PanelError {
  const data = (error as { data?: Record<string, unknown> | null } | null)?.data
  const parsed = wireErrorSchema.safeParse(data?.gantry)
  if (parsed.success) return { code: parsed.data.code, message: parsed.data.message, detail: parsed.data.detail ?? {} }
  const message = error instanceof Error ? error.message : String(error)
  return { code: data ? 'internal' : 'network', message, detail: {} }
}
