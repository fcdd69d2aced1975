import { type ContainerUpdate, GantryError, type Resources } from '@gantry/contracts'
import type { Container } from './container.ts'
import { type Parts, emit } from './parts.ts'

/** Changes limits (in the kernel at once when it runs) and the restart policy. Resolves with warnings; a refused limit changes nothing. */
export async function updateContainer(parts: Parts, container: Container, update: ContainerUpdate): Promise<string[]> {
  return parts.locks.run(container.id, async () => {
    container.require('update')
    const before = container.record
    if (update.restart && update.restart.name !== 'no' && before.spec.autoRemove) {
      throw new GantryError('invalid_input', `automatic removal and restart policy ${update.restart.name} exclude each other`, {
        field: 'update.restart',
      })
    }
    const resources = mergeResources(before.spec.resources, update.resources)
    const warnings = container.running ? await parts.cgroups.update(container.group, before.spec.resources, resources) : []
    container.record = { ...before, spec: { ...before.spec, resources, restart: update.restart ?? before.spec.restart } }
    try {
      await parts.store.saveRecord(container)
    } catch (error) {
      container.record = before
      if (container.running) await parts.cgroups.update(container.group, resources, before.spec.resources)
      throw error
    }
    emit(parts, container, 'update')
    return warnings
  })
}

/** Named limits replace the old ones; the two ways to limit cpu time exclude each other, so the newer one wins. */
export function mergeResources(before: Resources, change: Resources): Resources {
  const merged: Resources = { ...before, ...change }
  if (change.nanoCpus !== undefined) {
    merged.cpuQuotaUs = undefined
    merged.cpuPeriodUs = undefined
  } else if (change.cpuQuotaUs !== undefined) merged.nanoCpus = undefined
  const { memoryBytes, memorySwapBytes } = merged
  if (memoryBytes !== undefined && memorySwapBytes !== undefined && memorySwapBytes !== -1 && memorySwapBytes < memoryBytes) {
    throw new GantryError('invalid_input', `memory limit ${memoryBytes} exceeds the limit on memory and swap ${memorySwapBytes}`, {
      field: 'update.resources.memoryBytes',
      value: String(memoryBytes),
      limit: String(memorySwapBytes),
      remedy: 'raise memorySwapBytes with it',
    })
  }
  return merged
}
