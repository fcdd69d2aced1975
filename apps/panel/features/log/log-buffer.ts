import type { LogLine } from '@gantry/contracts'

export type LogRow = { key: number; stream: 'stdout' | 'stderr'; time: string; text: string; open: boolean }
export type LogBuffer = { rows: readonly LogRow[]; next: number }

export const emptyLog: LogBuffer = { rows: [], next: 0 }
/** Rows kept in the page; older ones are in the download. */
export const maxRows = 50_000

/** Appends a batch; a piece of a line that was too long for one record is joined to the piece before it. */
export function appendLines(buffer: LogBuffer, lines: readonly LogLine[]): LogBuffer {
  const rows = [...buffer.rows]
  let next = buffer.next
  for (const line of lines) {
    const last = rows.at(-1)
    if (last?.open && last.stream === line.stream) rows[rows.length - 1] = { ...last, text: last.text + line.text, open: line.partial }
    else rows.push({ key: next++, stream: line.stream, time: line.time, text: line.text.replace(/\r?\n$/, ''), open: line.partial })
  }
  return { rows: rows.length > maxRows ? rows.slice(-maxRows) : rows, next }
}

/** Indexes of the rows that hold `query`, ignoring case and colours. */
export function matchingRows(rows: readonly LogRow[], query: string, plain: (text: string) => string): number[] {
  if (query === '') return []
  const needle = query.toLowerCase()
  return rows.flatMap((row, index) => (plain(row.text).toLowerCase().includes(needle) ? [index] : []))
}
