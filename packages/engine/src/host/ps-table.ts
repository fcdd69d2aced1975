import { GantryError } from '@gantry/contracts'
import { findPs, runPs } from '../kernel/ps.ts'
import type { ProcessTable } from './top.ts'

/** Columns that hold one word, whoever the process is: only behind these does a word under PID count as one. */
const oneWord = new Set(
  'F S UID USER RUSER EUSER FUSER GROUP RGROUP EGROUP PPID PGID PGRP SID SESS TPGID PID LWP SPID TID NLWP THCNT C PRI NI CLS RTPRIO PSR STAT %CPU %MEM VSZ RSS SZ TTY TT'.split(
    ' ',
  ),
)

/**
 * What `ps` says of these processes with these arguments, as docker top shows it. Only they are looked at where ps can do that; with
 * sorting and trees it cannot, and rows of others are left out.
 */
export async function psTable(pids: readonly number[], args: readonly string[], signal: AbortSignal): Promise<ProcessTable> {
  const ps = findPs()
  if (!ps) throw new GantryError('unsupported', 'ps is not installed on the host', { remedy: 'install procps, or leave out ps_args' })
  // A column under another one's name would let through what is not of this container.
  const renamed = args.find((arg) => arg.replace(/^--(?!format)[a-z-]+=/, '').includes('='))
  if (renamed !== undefined) throw refuse(args, `${renamed}: columns cannot be named anew`)
  const only = await runPs(ps, [...args, `-q${pids.join(',')}`], signal)
  if (only.status === 0) return parse(only.out, args, pids)
  const all = await runPs(ps, args, signal)
  const [why] = all.words.split('\n')
  if (all.status !== 0 && all.out.trim() === '') throw refuse(args, why || `ps ended with ${all.status}`)
  return parse(all.out, args, pids)
}

function parse(out: string, args: readonly string[], pids: readonly number[]): ProcessTable {
  const [head = '', ...lines] = out.split('\n')
  const titles = words(head)
  const at = titles.indexOf('PID')
  if (at === -1) throw refuse(args, "Couldn't find PID field in ps output")
  // What is behind such a column could be another's word that looks like a pid.
  const odd = titles.slice(0, at).find((title) => !oneWord.has(title))
  if (odd !== undefined) throw refuse(args, `${odd} may hold several words: put it behind PID`)
  const processes: string[][] = []
  let isOurs = false
  for (const line of lines) {
    const fields = words(line)
    if (fields.length === 0) continue
    // Threads have no pid of their own in some tables: they belong to the process before them.
    if (fields[at] !== '-') isOurs = pids.includes(Number(fields[at]))
    if (isOurs) processes.push([...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(' ')])
  }
  return { titles, processes }
}

const words = (line: string) => line.split(/[ \t]+/).filter((word) => word !== '')

function refuse(args: readonly string[], why: string): GantryError {
  return new GantryError('invalid_input', `ps ${args.join(' ')}: ${why}`, { field: 'ps_args', value: args.join(' ') })
}
