import { z } from 'zod'

/**
 * The browser terminal's WebSocket, `/ws/terminal?ticket=…`.
 *
 * Server to browser: binary = 8 bytes big-endian offset of the first byte in the session's output, then output bytes;
 * text = one `TerminalServerMessage`. Browser to server: binary = input bytes; text = one `TerminalClientMessage`.
 * The browser acknowledges what xterm has parsed; the server stops reading the pty when more than
 * `terminalHighWaterBytes` are unacknowledged and goes on below `terminalLowWaterBytes`.
 * To reattach, a new ticket is minted for the same session and `from` is the offset after the last byte seen.
 */
export const terminalHighWaterBytes = 512 * 1024
export const terminalLowWaterBytes = 128 * 1024
/** Bytes of output a session keeps for reattaching; covers 10,000 lines of scroll-back. */
export const terminalReplayBytes = 4 * 1024 * 1024
export const terminalFrameBytes = 64 * 1024
export const terminalTicketTtlMs = 30_000

const size = { columns: z.number().int().min(1).max(1000), rows: z.number().int().min(1).max(1000) }
export const terminalClientMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('resize'), ...size }),
  /** `offset`: all output before it has been parsed. */
  z.strictObject({ type: z.literal('ack'), offset: z.number().int().nonnegative() }),
])
export type TerminalClientMessage = z.infer<typeof terminalClientMessageSchema>
export const terminalServerMessageSchema = z.discriminatedUnion('type', [
  /** First message. `from` is where output starts; larger than asked when the replay buffer has dropped bytes. */
  z.strictObject({ type: z.literal('ready'), sessionId: z.string(), from: z.number().int() }),
  z.strictObject({ type: z.literal('exit'), exitCode: z.number().int() }),
  z.strictObject({ type: z.literal('error'), message: z.string() }),
])
export type TerminalServerMessage = z.infer<typeof terminalServerMessageSchema>
