import type { IncomingMessage, ServerResponse } from 'node:http'
import { GantryError } from '@gantry/contracts'
import { type Backend, type Caller, uploadImage } from '@gantry/core'
import { answerError, publicError } from '../http/answer.ts'

const idleMs = 60_000

/**
 * `POST /upload/image?projectId=…` with an OCI or docker archive as body. The answer is JSON lines of `Progress` and last
 * `{"loaded": …}` or `{"error": WireError}`; a request that is refused before any progress gets the error's own status.
 */
export async function receiveImage(
  backend: Backend,
  caller: Caller,
  request: IncomingMessage,
  { projectId, response }: { projectId: string; response: ServerResponse },
): Promise<void> {
  const abort = new AbortController()
  response.once('close', () => abort.abort())
  request.setTimeout(idleMs, () => request.destroy(new GantryError('timeout', `nothing was received for ${idleMs / 1000} s`)))
  const line = (value: unknown) => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    response.write(`${JSON.stringify(value)}\n`)
  }
  try {
    const loaded = await uploadImage(backend, caller, projectId, { archive: request, onProgress: line, signal: abort.signal })
    line({ loaded })
    response.end()
  } catch (error) {
    if (!(error instanceof GantryError)) backend.log.error('an image upload failed', { error })
    if (!response.headersSent) {
      // What is left of the body is not wanted.
      response.setHeader('connection', 'close')
      return answerError(response, error)
    }
    line({ error: publicError(error).toWire() })
    response.end()
  } finally {
    request.unpipe()
    request.resume()
  }
}
