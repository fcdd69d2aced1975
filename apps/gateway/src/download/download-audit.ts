import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { AuditEntry } from '@gantry/contracts'
import { type Backend, type Caller, exportAudit } from '@gantry/core'
import { attachment } from './attachment.ts'

const columns = [
  'seq',
  'time',
  'actor',
  'actorId',
  'address',
  'projectId',
  'verb',
  'object',
  'outcome',
  'error',
  'parameters',
  'prevHash',
  'hash',
] as const satisfies (keyof AuditEntry)[]

interface Format {
  contentType: string
  head: string
  /** `first`: nothing was written before it. */
  entry(entry: AuditEntry, first: boolean): string
  tail: string
}

const formats: Record<'csv' | 'json', Format> = {
  csv: {
    contentType: 'text/csv; charset=utf-8',
    head: `${columns.join(',')}\r\n`,
    entry: (entry) => `${columns.map((column) => csvCell(entry[column])).join(',')}\r\n`,
    tail: '',
  },
  json: {
    contentType: 'application/json; charset=utf-8',
    head: '[',
    entry: (entry, first) => `${first ? '\n' : ',\n'}${JSON.stringify(entry)}`,
    tail: '\n]\n',
  },
}

/** `GET /download/audit.csv` or `.json`, with the audit page's filters as query: all entries that the caller may see. */
export async function downloadAudit(
  backend: Backend,
  caller: Caller,
  { format: name, query }: { format: 'csv' | 'json'; query: URLSearchParams },
  response: ServerResponse,
): Promise<void> {
  const format = formats[name]
  const pages = await exportAudit.execute(backend, caller, Object.fromEntries([...query].filter(([, value]) => value !== '')))
  response.writeHead(200, { 'content-type': format.contentType, ...attachment(`gantry-audit.${name}`) })
  response.write(format.head)
  let first = true
  for await (const page of pages) {
    if (response.destroyed) return
    const text = page.map((entry, index) => format.entry(entry, first && index === 0)).join('')
    first = false
    if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.end(format.tail)
}

/** Quoted as RFC 4180 says. Spreadsheets run cells that start like a formula, so those get a quote before them. */
function csvCell(value: string | number | null): string {
  const text = String(value ?? '')
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
