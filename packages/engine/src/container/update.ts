import { type ContainerUpdate, GantryError, type Resources, resourcesSchema, type ResourcesUpdate } from '@gantry/contracts'
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

/**
 * Named limits replace the old ones, null removes one; the two ways to limit cpu time exclude each other, so the newer one wins.
 * Without a memory limit there is none on memory and swap. A container has its own default of processes, so "none" is kept as -1.
 */
export function mergeResources(before: Resources, change: ResourcesUpdate): Resources {
  const merged: Resources = resourcesSchema.parse(
    Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null && value !== undefined)),
  )
  if (change.pidsLimit === null) merged.pidsLimit = -1
  if (change.memoryBytes === null && !change.memorySwapBytes) delete merged.memorySwapBytes
  if (typeof change.nanoCpus === 'number') {
    delete merged.cpuQuotaUs
    delete merged.cpuPeriodUs
  } else if (typeof change.cpuQuotaUs === 'number') delete merged.nanoCpus
  if (change.cpuQuotaUs === null) delete merged.cpuPeriodUs
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
