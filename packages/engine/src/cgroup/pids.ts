import { join } from 'node:path'
import type { Change, Controller } from './controller.ts'

/** Processes and threads; Documentation/admin-guide/cgroup-v1/pids.rst. The file is the same on v1 and v2. */
export const pids: Controller = { name: 'pids', v1: limit, v2: limit }

function limit({ dir, before, after, writes }: Change): void {
  if (before.pids !== after.pids) writes.write(join(dir, 'pids.max'), after.pids ?? 'max')
}
