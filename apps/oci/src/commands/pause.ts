import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, parseArgs } from '../args.ts'
import { setFrozen } from '../cgroup/freezer.ts'
import type { Globals } from '../globals.ts'
import { Container, type Status } from '../state/container.ts'

export function pause(args: readonly string[], globals: Globals): void {
  change('pause', args, globals, ['running', 'created'], true)
}

export function resume(args: readonly string[], globals: Globals): void {
  change('resume', args, globals, ['paused'], false)
}

function change(verb: string, args: readonly string[], globals: Globals, from: readonly Status[], frozen: boolean): void {
  const parsed = parseArgs(args, {}, true)
  expectWords(parsed, `${verb} CONTAINER`, 1)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const record = container.read()
  const status = container.status(record)
  if (!from.includes(status)) throw new GantryError('wrong_state', `cannot ${verb} a container that is ${status}`)
  setFrozen(record.cgroup, frozen)
}
