import { expectWords, parseArgs } from '../args.ts'
import type { Globals } from '../globals.ts'
import { Container, publicState } from '../state/container.ts'

export function state(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, {}, true)
  expectWords(parsed, 'state CONTAINER', 1)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const record = container.read()
  const { rootfs, created, owner } = record
  const shown = { ...publicState(record, container.status(record)), rootfs, created, owner }
  process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
}
