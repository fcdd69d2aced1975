import type { Container } from './container.ts'
import { emit, monitorDir, type Parts } from './parts.ts'
import { GantryError } from '@gantry/contracts'

/** Sets the size of the container's terminal: through a viewer that is there, or through one for this purpose. */
export async function resizeContainer(parts: Parts, container: Container, columns: number, rows: number): Promise<void> {
  if (!container.started) throw new GantryError('wrong_state', `cannot resize container ${container.name}: it is ${container.state.status}`)
  if (!container.record.spec.tty) throw new GantryError('wrong_state', `container ${container.name} has no terminal`)
  const [viewer] = container.viewers
  if (viewer) viewer.resize(columns, rows)
  else await resizeUnseen(parts, container, columns, rows)
  emit(parts, container, 'resize', { height: String(rows), width: String(columns) })
}

async function resizeUnseen(parts: Parts, container: Container, columns: number, rows: number): Promise<void> {
  const options = { stdin: false, stdout: false, stderr: false, from: 'end', columns, rows } as const
  const attached = await parts.kernel.attach(monitorDir(parts.config, container.id), options)
  attached.detach()
}
