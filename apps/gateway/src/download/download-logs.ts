import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { stripVTControlCharacters } from 'node:util'
import type { LogLine } from '@gantry/contracts'
import { type Backend, type Caller, watchLogs } from '@gantry/core'
import { attachment } from './attachment.ts'

/** `GET /download/logs?projectId=…&container=…[&tail=…&since=…&until=…&times=1]`: a container's log as plain text. */
export async function downloadLogs(backend: Backend, caller: Caller, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const { times, tail, ...given } = Object.fromEntries(query)
  const abort = new AbortController()
  response.once('close', () => abort.abort())
  const input = { ...given, tail: tail === undefined ? undefined : Number(tail), follow: false }
  for await (const lines of watchLogs.execute(backend, caller, input, abort.signal)) {
    if (!response.headersSent) begin(response, given.container)
    const text = lines.map((line) => toText(line, times === '1')).join('')
    if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  if (!response.headersSent) begin(response, given.container)
  response.end()
}

function begin(response: ServerResponse, container = 'container'): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', ...attachment(`${container.slice(0, 64)}.log`) })
}

/** Whoever prints the file in a terminal must not be at the mercy of what the container wrote. */
function toText({ time, text }: LogLine, withTime: boolean): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for
  const plain = stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
  const line = plain.endsWith('\n') ? plain : `${plain}\n`
  return withTime ? `${time} ${line}` : line
}
