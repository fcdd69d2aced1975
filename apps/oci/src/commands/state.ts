import { expectWords, parseArgs } from '../args.ts'
import type { Globals } from '../globals.ts'
import { Container, shownState } from '../state/container.ts'

export function state(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, {}, true)
  expectWords(parsed, 'state CONTAINER', 1)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const record = container.read()
  process.stdout.write(`${JSON.stringify(shownState(record, container.status(record)), null, 2)}\n`)
}
