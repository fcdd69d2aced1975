import type { ErrorCode, ErrorDetail, WireError } from './errors.ts'

/**
 * The one error class. `message` is public: lower case, no full stop, names the thing and the value.
 * `cause` is for the log only and never crosses a wire.
 */
export class GantryError extends Error {
  readonly code: ErrorCode
  readonly detail: ErrorDetail
  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'GantryError'
    this.code = code
    this.detail = detail
  }

  toWire(): WireError {
    return { code: this.code, message: this.message, detail: this.detail }
  }

  static fromWire(wire: WireError): GantryError {
    return new GantryError(wire.code, wire.message, wire.detail)
  }
}
