import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'

/** As native/src/wire.h has it, without the frame: COUNT NAME ARG…, each ended by NUL. */
export function encodeOps(ops: readonly Op[]): string {
  const tokens = ops.flatMap((op) => [String(op.length), ...op])
  if (tokens.some((token) => token.includes('\0'))) throw new GantryError('invalid_input', 'the configuration holds a NUL byte')
  return tokens.length === 0 ? '' : `${tokens.join('\0')}\0`
}
