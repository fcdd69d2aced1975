import { GantryError } from '@gantry/contracts'

export interface ProcessTable {
  titles: readonly string[]
  processes: readonly (readonly string[])[]
}

/** Columns of `ps -o`, by the column of `ps -ef` that they come from. */
const columns: Record<string, { title: string; from: string; of?: (value: string) => string }> = {
  user: { title: 'USER', from: 'UID' },
  uid: { title: 'UID', from: 'UID' },
  pid: { title: 'PID', from: 'PID' },
  ppid: { title: 'PPID', from: 'PPID' },
  c: { title: 'C', from: 'C' },
  pcpu: { title: '%CPU', from: 'C' },
  '%cpu': { title: '%CPU', from: 'C' },
  stime: { title: 'STIME', from: 'STIME' },
  start: { title: 'START', from: 'STIME' },
  tty: { title: 'TT', from: 'TTY' },
  tt: { title: 'TT', from: 'TTY' },
  time: { title: 'TIME', from: 'TIME' },
  cmd: { title: 'CMD', from: 'CMD' },
  args: { title: 'COMMAND', from: 'CMD' },
  command: { title: 'COMMAND', from: 'CMD' },
  comm: { title: 'COMMAND', from: 'CMD', of: (command) => command.split(' ')[0]?.split('/').at(-1) ?? '' },
}

/** Columns of the other ways to call ps that people use. */
const shorthands: Record<string, string> = {
  '-ef': '',
  ef: '',
  '-e': 'pid,tty,time,comm',
  aux: 'user,pid,pcpu,tty,start,time,command',
  '-aux': 'user,pid,pcpu,tty,start,time,command',
}

/** GET /containers/{id}/top: the table of `ps -ef`, or other columns of it. */
export function toProcessTable({ titles, processes }: ProcessTable, psArgs: string): { Titles: string[]; Processes: string[][] } {
  const wanted = shorthands[psArgs.trim()] ?? optionO(psArgs)
  if (wanted === '') return { Titles: [...titles], Processes: processes.map((row) => [...row]) }
  const chosen = wanted.split(',').map((name) => {
    const column = Object.hasOwn(columns, name.toLowerCase()) ? columns[name.toLowerCase()] : undefined
    if (!column) throw refuse(psArgs, `column ${name} is not known`)
    return { ...column, index: titles.indexOf(column.from) }
  })
  if (!chosen.some(({ title }) => title === 'PID')) throw refuse(psArgs, "Couldn't find PID field in ps output")
  return {
    Titles: chosen.map(({ title }) => title),
    Processes: processes.map((row) => chosen.map(({ index, of = (value) => value }) => of(row[index] ?? ''))),
  }
}

function optionO(psArgs: string): string {
  const [, list] = /^(?:-?e?f?\s*)?-?o\s*([\w%,]+)$/.exec(psArgs.trim()) ?? []
  if (list === undefined) throw refuse(psArgs, 'only -ef, aux and -o with a list of columns are supported')
  return list
}

function refuse(psArgs: string, why: string): GantryError {
  return new GantryError('invalid_input', `ps ${psArgs}: ${why}`, {
    field: 'ps_args',
    value: psArgs,
    limit: Object.keys(columns).join(','),
  })
}
