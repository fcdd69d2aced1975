import { type Progress, progressSchema, wireErrorSchema } from '@gantry/contracts'

export type UploadEvent = { kind: 'sent'; sent: number; total: number } | { kind: 'progress'; line: Progress }

/**
 * Sends an archive and reads the JSON lines that come back. Resolves to the references that were loaded; rejects with an
 * error that carries the gateway's own one. XMLHttpRequest, because fetch cannot tell how much was sent.
 */
export function uploadImage(projectId: string, file: Blob, onEvent: (event: UploadEvent) => void, signal: AbortSignal): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', `/upload/image?projectId=${encodeURIComponent(projectId)}`)
    request.setRequestHeader('content-type', 'application/octet-stream')
    const reader = new UploadReader(onEvent)
    request.upload.onprogress = ({ loaded, total }) => onEvent({ kind: 'sent', sent: loaded, total })
    request.onprogress = () => reader.read(request.responseText)
    request.onerror = () => reject(new TypeError('upload failed'))
    request.onabort = () => reject(new DOMException('upload cancelled', 'AbortError'))
    request.onload = () => {
      reader.read(`${request.responseText}\n`)
      if (reader.loaded) resolve(reader.loaded)
      else reject(Object.assign(new Error('upload failed'), { data: { gantry: reader.error ?? errorIn(request.responseText) } }))
    }
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}

/** Reads an answer that grows: whole lines only, each once. */
export class UploadReader {
  loaded: string[] | undefined
  error: unknown
  private position = 0
  private readonly onEvent: (event: UploadEvent) => void
  constructor(onEvent: (event: UploadEvent) => void) {
    this.onEvent = onEvent
  }

  read(text: string): void {
    for (let end = text.indexOf('\n', this.position); end >= 0; end = text.indexOf('\n', this.position)) {
      const line = text.slice(this.position, end).trim()
      this.position = end + 1
      if (line !== '') this.take(JSON.parse(line))
    }
  }

  private take(value: { loaded?: { references: string[]; ids: string[] }; error?: unknown }): void {
    if (value.loaded) this.loaded = value.loaded.references.length > 0 ? value.loaded.references : value.loaded.ids
    else if (value.error) this.error = value.error
    else {
      const line = progressSchema.safeParse(value)
      if (line.success) this.onEvent({ kind: 'progress', line: line.data })
    }
  }
}

function errorIn(text: string): unknown {
  try {
    const parsed = wireErrorSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : undefined
  } catch {
    // an answer of something between us and the gateway
    return undefined
  }
}
