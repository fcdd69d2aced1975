import type { ServerResponse } from 'node:http'
import { type ErrorCode, GantryError } from '@gantry/contracts'

/** Status for each way to fail, outside tRPC. */
const statuses: Record<ErrorCode, number> = {
  not_found: 404,
  already_exists: 409,
  invalid_input: 400,
  wrong_state: 409,
  unauthenticated: 401,
  forbidden: 403,
  quota_exceeded: 422,
  rate_limited: 429,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  unsupported: 501,
  no_space: 503,
  internal: 500,
}

/** What of an error may be shown. */
export function publicError(error: unknown): GantryError {
  return error instanceof GantryError ? error : new GantryError('internal', 'internal error')
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}

/** Answers with the error as JSON, or cuts the connection when an answer is under way. */
export function answerError(response: ServerResponse, error: unknown): void {
  const shown = publicError(error)
  if (response.headersSent) response.destroy()
  else answerJson(response, statuses[shown.code], shown.toWire())
}
