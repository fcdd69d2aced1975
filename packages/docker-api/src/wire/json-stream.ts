import { renderError } from '../errors.ts'
import type { Call } from '../route.ts'

/**
 * Answers with one JSON object per line. A failure before the first is a plain error; after it the status is out already, so
 * it goes as a line of its own, as Docker does it. `atOnce`: the head does not wait for the first line.
 */
export async function jsonStream(
  call: Pick<Call, 'stream' | 'signal'>,
  lines: AsyncIterable<unknown>,
  { atOnce = false, contentType = 'application/json' }: { atOnce?: boolean; contentType?: string } = {},
): Promise<undefined> {
  let out = atOnce ? call.stream(contentType) : undefined
  try {
    for await (const line of lines) {
      out ??= call.stream(contentType)
      await out.write(`${JSON.stringify(line)}\r\n`)
    }
  } catch (error) {
    if (!out) throw error
    const { message } = renderError(error)
    if (!call.signal.aborted) await out.write(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`)
  }
  ;(out ?? call.stream(contentType)).end()
  return undefined
}
