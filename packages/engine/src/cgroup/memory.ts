import { join } from 'node:path'
import type { Change, Controller } from './controller.ts'

const DEFAULT_SWAPPINESS = 60

/** Memory, swap, reservation, swappiness and the OOM killer; Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst. */
export const memory: Controller = {
  name: 'memory',
  v1(change) {
    limitsV1(change)
    const { dir, before, after, writes } = change
    if (before.memoryReservationBytes !== after.memoryReservationBytes) {
      writes.write(join(dir, 'memory.soft_limit_in_bytes'), after.memoryReservationBytes ?? -1)
    }
    if (before.memorySwappiness !== after.memorySwappiness) {
      writes.write(join(dir, 'memory.swappiness'), after.memorySwappiness ?? DEFAULT_SWAPPINESS)
    }
    if (before.oomKillDisable !== after.oomKillDisable) {
      writes.write(join(dir, 'memory.oom_control'), after.oomKillDisable ? 1 : 0)
    }
    if (after.oomKillDisable && after.memoryBytes === undefined) {
      writes.warn('the OOM killer is off without a memory limit: the container may starve the whole machine')
    }
  },
  v2(change) {
    limitsV2(change)
    const { dir, before, after, writes } = change
    if (before.memoryReservationBytes !== after.memoryReservationBytes) {
      writes.write(join(dir, 'memory.low'), after.memoryReservationBytes ?? 0)
    }
    if (after.memorySwappiness !== undefined) writes.warn('memory swappiness is not kept: cgroup v2 has none per group')
    if (after.oomKillDisable) writes.warn('the OOM killer stays on: cgroup v2 cannot switch it off per group')
  },
}

/**
 * memory+swap may never be below memory, not even between the two writes: what rises beyond the other's old value goes first.
 * Without swap accounting (swapaccount=0) the file is missing, and only memory is limited.
 */
function limitsV1({ dir, mount, fresh, before, after, facts, writes }: Change): void {
  const swapFile = 'memory.memsw.limit_in_bytes'
  const memoryChanged = before.memoryBytes !== after.memoryBytes
  const swapChanged = before.memorySwapBytes !== after.memorySwapBytes
  if (!memoryChanged && !swapChanged) return
  const writeMemory = () => memoryChanged && writes.write(join(dir, 'memory.limit_in_bytes'), after.memoryBytes ?? -1)
  if (!facts.exists(join(mount, swapFile))) {
    if (after.memorySwapBytes !== undefined) writes.warn('swap is not limited: the kernel does not account it (boot with swapaccount=1)')
    writeMemory()
    return
  }
  const writeSwap = () => swapChanged && writes.write(join(dir, swapFile), after.memorySwapBytes ?? -1)
  const oldSwap = fresh ? Number.POSITIVE_INFINITY : (before.memorySwapBytes ?? Number.POSITIVE_INFINITY)
  if ((after.memoryBytes ?? Number.POSITIVE_INFINITY) > oldSwap) {
    writeSwap()
    writeMemory()
  } else {
    writeMemory()
    writeSwap()
  }
}

/** v2 counts swap on its own. Swap is lowered before memory falls, so that reclaim does not fill swap that is about to go. */
function limitsV2({ dir, ancestors, before, after, facts, writes }: Change): void {
  const swapOf = (limits: Change['after']) =>
    limits.memoryBytes !== undefined && limits.memorySwapBytes !== undefined
      ? Math.max(0, limits.memorySwapBytes - limits.memoryBytes)
      : undefined
  if (swapOf(before) !== swapOf(after)) {
    const parent = ancestors[0]
    if (parent === undefined || facts.exists(join(parent, 'memory.swap.max'))) {
      writes.write(join(dir, 'memory.swap.max'), swapOf(after) ?? 'max')
    } else {
      writes.warn('swap is not limited: the kernel does not account it')
    }
  }
  if (before.memoryBytes !== after.memoryBytes) writes.write(join(dir, 'memory.max'), after.memoryBytes ?? 'max')
}
