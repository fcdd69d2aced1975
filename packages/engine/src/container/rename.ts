import type { Container } from './container.ts'
import { type Parts, emit } from './parts.ts'

/** Gives the container another name, in DNS too. Throws `already_exists` when another container of the project has it. */
export async function renameContainer(parts: Parts, container: Container, name: string): Promise<void> {
  await parts.locks.run(container.id, async () => {
    container.require('rename')
    const oldName = container.name
    if (name === oldName) return
    parts.store.reserveName(container.projectId, name, container.id)
    const before = container.record
    container.record = { ...before, name, spec: { ...before.spec, name } }
    try {
      await parts.store.saveRecord(container)
    } catch (error) {
      container.record = before
      parts.store.releaseName(container.projectId, name, container.id)
      throw error
    }
    parts.store.releaseName(container.projectId, oldName, container.id)
    parts.network.rename(container.id, name)
    emit(parts, container, 'rename', { oldName })
  })
}
