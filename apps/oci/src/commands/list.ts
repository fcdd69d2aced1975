import { GantryError } from '@gantry/contracts/gantry-error'
import { parseArgs } from '../args.ts'
import type { Globals } from '../globals.ts'
import { Container, listedState, listIds, type Record } from '../state/container.ts'

export function list(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, { format: { kind: 'value', short: 'f' }, quiet: { kind: 'flag', short: 'q' } }, true)
  const format = parsed.value('format') ?? 'table'
  if (format !== 'table' && format !== 'json') throw new GantryError('invalid_input', `--format ${format} is not table or json`)
  const rows = listIds(globals.root).flatMap((id) => {
    const container = new Container(globals.root, id)
    const record = readOrNull(container)
    return record ? [listedState(record, container.status(record))] : []
  })
  if (parsed.has('quiet')) process.stdout.write(rows.map(({ id }) => `${id}\n`).join(''))
  else process.stdout.write(format === 'json' ? `${JSON.stringify(rows)}\n` : table(rows))
}

/** One that goes away meanwhile is not listed. */
function readOrNull(container: Container): Record | null {
  try {
    return container.tryRead()
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return null
    throw error
  }
}

type Row = ReturnType<typeof listedState>

function table(rows: readonly Row[]): string {
  const cells = [
    ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED'],
    ...rows.map(({ id, pid, status, bundle, created }) => [id, String(pid), status, bundle, created]),
  ]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  return cells
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
