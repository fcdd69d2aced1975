import { type ContainerSpec, GantryError } from '@gantry/contracts'
import type { Parts } from './parts.ts'
import type { Container } from './container.ts'

/** `container:X` modes keep the other container's id, as it may be renamed. */
export function joinById(parts: Pick<Parts, 'store'>, projectId: string, spec: ContainerSpec): ContainerSpec {
  const byId = <T extends string>(mode: T): T => {
    const other = joined(parts, projectId, mode)
    return other ? (`container:${other.id}` as T) : mode
  }
  return { ...spec, networkMode: byId(spec.networkMode), pidMode: byId(spec.pidMode), ipcMode: byId(spec.ipcMode) }
}

/**
 * What the kernel and the other containers allow of `container:X` modes. A namespace belongs to a user namespace, and only root of that
 * one may mount its procfs: who joins the processes of a container therefore lives in its user namespace, with a network made for it
 * (user_namespaces(7)). Two different ones cannot be lived in.
 */
export function checkJoined(parts: Pick<Parts, 'store'>, projectId: string, spec: ContainerSpec): void {
  const network = joined(parts, projectId, spec.networkMode)
  const processes = joined(parts, projectId, spec.pidMode)
  const ipc = joined(parts, projectId, spec.ipcMode)
  if (ipc && ipc.record.spec.ipcMode !== 'shareable') {
    throw new GantryError(
      'invalid_input',
      `cannot join the IPC of container ${ipc.name}: it is ${ipc.record.spec.ipcMode}, not shareable`,
      {
        field: 'ipcMode',
        value: spec.ipcMode,
        remedy: 'make that container with ipcMode shareable',
      },
    )
  }
  if (spec.userns === 'host' || !processes) return
  if (processes.record.spec.userns === 'host') {
    throw new GantryError('invalid_input', `cannot join the processes of container ${processes.name}: it runs with the host's users`, {
      field: 'pidMode',
      value: spec.pidMode,
      remedy: 'ask for userns host too',
    })
  }
  if (network && userNamespaceOf(network) !== userNamespaceOf(processes)) {
    throw new GantryError(
      'unsupported',
      `cannot join the processes of container ${processes.name} and the network of container ${network.name}: they are apart`,
      { field: 'pidMode', value: spec.pidMode, remedy: 'join both of the same container, or take a network of your own' },
    )
  }
}

/** The container whose sandbox it lives in, by id. */
function userNamespaceOf(container: Container): string {
  const { networkMode, pidMode } = container.record.spec
  const donor = [networkMode, pidMode].find((mode) => mode.startsWith('container:'))
  return donor?.slice('container:'.length) ?? container.id
}

function joined(parts: Pick<Parts, 'store'>, projectId: string, mode: string): Container | undefined {
  return mode.startsWith('container:') ? parts.store.find(projectId, mode.slice('container:'.length)) : undefined
}
