import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, parseArgs } from '../args.ts'
import { readProcesses } from '../cgroup/processes.ts'
import type { Globals } from '../globals.ts'
import { runProgram } from '../kernel/native.ts'
import { Container } from '../state/container.ts'

/** Processes of the container: as numbers, or those lines of ps(1). */
export function ps(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, { format: { kind: 'value', short: 'f' } })
  expectWords(parsed, 'ps [--format table|json] CONTAINER [PS OPTIONS]', 1, Number.POSITIVE_INFINITY)
  const [id = '', ...psOptions] = parsed.positional
  const pids = readProcesses(new Container(globals.root, id).read().cgroup)
  const format = parsed.value('format') ?? 'table'
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify(pids)}\n`)
    return
  }
  if (format !== 'table') throw new GantryError('invalid_input', `--format ${format} is not table or json`)
  const { status, stdout, stderr } = runProgram('ps', psOptions.length > 0 ? psOptions : ['-ef'], '')
  if (status !== 0) throw new GantryError('invalid_input', `ps: ${stderr.trim()}`)
  const [head = '', ...lines] = stdout.toString().split('\n')
  const column = head.trim().split(/\s+/).indexOf('PID')
  if (column < 0) throw new GantryError('invalid_input', 'ps shows no column PID with these options')
  const own = lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])))
  process.stdout.write([head, ...own, ''].join('\n'))
}
