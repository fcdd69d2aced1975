import { coverOps, type Cover } from '../host/lxcfs.ts'
import { seesLimits } from '../plan/mounts.ts'
import type { Parts } from './parts.ts'

/** LXCFS was started anew, or for the first time: every running container gets its files. One that ends meanwhile needs none. */
export async function renewCovers(parts: Pick<Parts, 'store' | 'kernel' | 'config'>, covers: readonly Cover[]): Promise<void> {
  for (const container of parts.store.list()) {
    const { started, record } = container
    if (!started || !seesLimits(record.spec)) continue
    try {
      await parts.kernel.ops(coverOps(started, covers))
    } catch (error) {
      if (container.started === started)
        parts.config.log('warn', 'the files of LXCFS could not be laid over a container', { container: container.id, error: String(error) })
    }
  }
}
