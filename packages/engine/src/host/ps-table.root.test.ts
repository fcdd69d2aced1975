import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { psTable } from './ps-table.ts'

const { signal } = new AbortController()
let ours: ChildProcess[] = []
let foreign: ChildProcess | undefined
let pids: number[] = []

beforeAll(async () => {
  const sleep = (seconds: number) => spawn('sleep', [String(seconds)])
  ours = [sleep(1001), sleep(1002)]
  pids = ours.map(({ pid = 0 }) => pid)
  await Promise.all(ours.map((child) => once(child, 'spawn')))
  // Somebody else's process with one of our pids among its words.
  foreign = sleep(pids[0] ?? 1)
  await once(foreign, 'spawn')
})
afterAll(async () => {
  for (const child of [...ours, ...(foreign ? [foreign] : [])]) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
const table = (args: string) => psTable(pids, args.split(' '), signal)
const commands = async (args: string) => (await table(args)).processes.map((row) => row.at(-1))

it.each([
  '-ef',
  'aux',
  'auxf',
  '-eo pid,args',
  'axo user,pid,cmd --sort=-pid',
  '-Ao pid,ppid,args',
  '-elf',
  '-eLf',
  'axjf',
  '-e -o pid,args -ww',
  '-fC sleep',
])('ps %s: the processes of the container and no other', async (args) => {
  const shown = await commands(args)
  expect(shown.map((text) => text?.replace(/^[|\\_ ]*/, '')).sort()).toEqual(['sleep 1001', 'sleep 1002'])
})

it('sorts where it was asked to', async () => {
  const sorted = (args: string) => commands(args).then((all) => all.map((text) => Number(text?.split(' ')[1])))
  expect([await sorted('-eo pid,args --sort=args'), await sorted('-eo pid,args --sort=-args')]).toEqual([
    [1001, 1002],
    [1002, 1001],
  ])
})

it('has the columns that were asked for, the last with all its words', async () => {
  const { titles, processes } = await table('-eo pid,ni,stat,rss,wchan:20,etimes,args')
  expect(titles).toEqual(['PID', 'NI', 'STAT', 'RSS', 'WCHAN', 'ELAPSED', 'COMMAND'])
  expect(processes.every((row) => row.length === 7 && pids.includes(Number(row[0])))).toBe(true)
})

it.each([
  ['-o comm', "Couldn't find PID field in ps output"],
  ['-eo comm=PID,args', 'columns cannot be named anew'],
  ['--format=args=PID', 'columns cannot be named anew'],
  ['-eo args,pid --sort=pid', 'several words'],
  ['-o args,pid -q1', 'several words'],
  ['--nosuch', 'unknown gnu long option'],
  ['-eo nosuch', 'unknown user-defined format specifier'],
  ['--version', "Couldn't find PID field"],
  ['; id', 'ps ; id'],
  ['$(id)', 'ps $(id)'],
])('refuses ps %s', async (args, why) => {
  await expect(table(args)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(why) })
})

it('shows nobody an environment', async () => {
  expect(JSON.stringify(await table('axeww'))).not.toContain('PATH=')
})
