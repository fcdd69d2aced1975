import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, parseArgs } from '../args.ts'
import { removeFolders } from '../cgroup/folders.ts'
import { killAll, signalIfAlive } from '../cgroup/processes.ts'
import type { Globals } from '../globals.ts'
import { runHook } from '../kernel/run-hook.ts'
import { warn } from '../log.ts'
import { Container, publicState, type Record } from '../state/container.ts'

export function remove(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, { force: { kind: 'flag', short: 'f' } }, true)
  expectWords(parsed, 'delete [--force] CONTAINER', 1)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  if (parsed.has('force') && !container.exists) return
  removeContainer(container, { force: parsed.has('force') })
}

/** Whatever was left half-way: the folder goes last, so a delete that is killed can be repeated. */
export function removeContainer(container: Container, { force }: { force: boolean }): void {
  const record = container.tryRead()
  if (!record) {
    if (!force) throw new GantryError('wrong_state', `container ${container.id} is being created`)
    container.remove()
    return
  }
  const status = container.status(record)
  if (!force && status !== 'stopped' && status !== 'created') {
    throw new GantryError('wrong_state', `cannot delete container ${container.id} that is not stopped: ${status}`)
  }
  if (status !== 'stopped' && record.pid !== undefined) signalIfAlive(record.pid, 9)
  killAll(record.cgroup)
  removeFolders(record.cgroup)
  if (record.pid !== undefined) poststop(container, record)
  container.remove()
}

/** Once, by whoever comes first; a failing one is told and the rest go on (runtime-spec, Lifecycle 13). */
function poststop(container: Container, record: Record): void {
  const hooks = record.hooks.poststop ?? []
  if (hooks.length === 0) return
  try {
    writeFileSync(join(container.dir, 'poststop'), '', { flag: 'wx' })
  } catch {
    return
  }
  for (const hook of hooks) {
    try {
      runHook(hook, JSON.stringify(publicState(record, 'stopped')))
    } catch (error) {
      warn(`poststop: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
