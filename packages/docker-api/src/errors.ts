import { type ErrorCode, GantryError } from '@gantry/contracts'

/** Docker's status for each way to fail (moby, httpstatus.FromError); what it does not know gets what its clients treat alike. */
const statuses: Record<ErrorCode, number> = {
  not_found: 404,
  already_exists: 409,
  invalid_input: 400,
  wrong_state: 409,
  unauthenticated: 401,
  forbidden: 403,
  quota_exceeded: 403,
  rate_limited: 429,
  unavailable: 503,
  timeout: 500,
  cancelled: 500,
  unsupported: 501,
  no_space: 500,
  internal: 500,
}

/** An answer in Docker's own words and status, where ours would not be understood. */
export class DockerError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = 'DockerError'
    this.status = status
  }
}

/** Status and message of any failure; what is nobody's business is `internal error`. */
export function renderError(error: unknown): { status: number; message: string } {
  if (error instanceof DockerError) return { status: error.status, message: error.message }
  if (!(error instanceof GantryError)) return { status: 500, message: 'internal error' }
  if (error.detail.exitCode !== undefined) return commandError(error, error.detail.exitCode)
  return { status: statuses[error.code], message: dockerWords(error) }
}

/** The command line takes its exit code, 126 or 127, from these words. */
function commandError({ message }: GantryError, exitCode: number): { status: number; message: string } {
  const words = exitCode === 127 ? 'executable file not found in $PATH' : 'permission denied'
  return { status: 400, message: message.includes(words) ? message : `${message}: ${words}` }
}

/** Docker's sentences start with a capital where clients look for them; a remedy is worth reading where something is refused. */
function dockerWords({ code, message, detail }: GantryError): string {
  if (code === 'not_found') return message.replace(/^no such exec:/, 'No such exec instance:').replace(/^no such /, 'No such ')
  if (code === 'wrong_state') return stateWords(message)
  const refused = code === 'forbidden' || code === 'quota_exceeded' || code === 'unsupported'
  return refused && detail.remedy ? `${message}: ${detail.remedy}` : message
}

/** Scripts look for Docker's words about a container's state. */
function stateWords(message: string): string {
  const [, verb, name, status] = /^cannot (\w+) container (\S+): it is (\w+)$/.exec(message) ?? []
  if (status === undefined) return message
  if (status === 'paused') return `cannot ${verb} container: ${name}: container ${name} is paused, unpause the container first`
  return ['created', 'exited', 'dead'].includes(status) ? `cannot ${verb} container: ${name}: container ${name} is not running` : message
}
