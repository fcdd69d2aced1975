import { type ErrorCode, GantryError, type WireError, invalidInput } from '@gantry/contracts'
import { TRPCError } from '@trpc/server'
import type { TRPC_ERROR_CODE_KEY } from '@trpc/server/rpc'
import { ZodError } from 'zod'

/** tRPC's word, and with it the HTTP status, for each way to fail. */
const trpcCodes: Record<ErrorCode, TRPC_ERROR_CODE_KEY> = {
  not_found: 'NOT_FOUND',
  already_exists: 'CONFLICT',
  invalid_input: 'BAD_REQUEST',
  wrong_state: 'CONFLICT',
  unauthenticated: 'UNAUTHORIZED',
  forbidden: 'FORBIDDEN',
  quota_exceeded: 'UNPROCESSABLE_CONTENT',
  rate_limited: 'TOO_MANY_REQUESTS',
  unavailable: 'SERVICE_UNAVAILABLE',
  timeout: 'GATEWAY_TIMEOUT',
  cancelled: 'CLIENT_CLOSED_REQUEST',
  unsupported: 'NOT_IMPLEMENTED',
  no_space: 'SERVICE_UNAVAILABLE',
  internal: 'INTERNAL_SERVER_ERROR',
}

/** What tRPC itself refuses (unknown procedure, malformed request). */
const ownCodes: Partial<Record<TRPC_ERROR_CODE_KEY, ErrorCode>> = {
  NOT_FOUND: 'not_found',
  BAD_REQUEST: 'invalid_input',
  PARSE_ERROR: 'invalid_input',
  METHOD_NOT_SUPPORTED: 'invalid_input',
  UNSUPPORTED_MEDIA_TYPE: 'invalid_input',
  PAYLOAD_TOO_LARGE: 'invalid_input',
}

export function toTrpcError(error: GantryError): TRPCError {
  return new TRPCError({ code: trpcCodes[error.code], message: error.message, cause: error })
}

/** The error as the browser may see it. What is neither ours nor the caller's mistake is `internal`, its text hidden behind `id`. */
export function toWireError(error: TRPCError, id: string): WireError {
  const { cause } = error
  if (cause instanceof GantryError) return cause.toWire()
  if (cause instanceof ZodError) return invalidInput(cause).toWire()
  const code = ownCodes[error.code] ?? 'internal'
  return code === 'internal' ? { code, message: `internal error ${id}` } : { code, message: error.message }
}

/** True when somebody should look into it. */
export function isUnexpected({ cause, code }: TRPCError): boolean {
  if (cause instanceof GantryError) return cause.code === 'internal'
  return !(cause instanceof ZodError) && !(code in ownCodes)
}
