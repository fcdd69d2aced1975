import type { ContainerSpec, Op } from '@gantry/contracts'
import type { ExecInput, StartInput } from './plan.ts'

/** True when the container shares the host's name: asked for, or with the host's network unless it got a name of its own. */
export function sharesHostName(spec: Pick<ContainerSpec, 'utsMode' | 'networkMode' | 'hostname'>): boolean {
  return spec.utsMode === 'host' || (spec.networkMode === 'host' && spec.hostname === undefined)
}

/**
 * Cgroups first, so that the process is born in them and its cgroup namespace is rooted there; then the pair of user and
 * network namespaces that the network gave; then the rest, new unless shared with the host or another container.
 */
export function namespaceOps(input: StartInput): Op[] {
  const { spec } = input
  const ops: Op[] = [...input.cgroupEnterOps, ...input.sandbox.namespaceOps, ['mntns.new']]
  if (spec.pidMode === 'private') ops.push(['pidns.new'])
  else if (spec.pidMode !== 'host') ops.push(['pidns.join', namespacePath(input.joinPid?.pid, 'pid')])
  if (spec.ipcMode === 'host') ops.push(['ipcns.host'])
  else if (spec.ipcMode.startsWith('container:')) ops.push(['ipcns.join', namespacePath(input.joinPid?.ipc, 'ipc')])
  else ops.push(['ipcns.new'])
  if (!sharesHostName(spec)) ops.push(['utsns.new'])
  if (spec.cgroupnsMode === 'private') ops.push(['cgroupns.new'])
  return ops
}

/** All namespaces of the container's init in one step; its start time guards against a reused pid. */
export function execNamespaceOps(input: ExecInput): Op[] {
  return [...input.cgroupEnterOps, ['ns.enter', String(input.pid), String(input.startTicks)]]
}

function namespacePath(pid: number | undefined, type: string): string {
  if (pid === undefined) throw new TypeError(`joinPid.${type} is missing for a container that joins another's ${type} namespace`)
  return `/proc/${pid}/ns/${type}`
}
