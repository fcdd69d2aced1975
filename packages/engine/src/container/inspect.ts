import type { ContainerInspect, ContainerSummary } from '@gantry/contracts'
import type { Container } from './container.ts'
import type { Parts } from './parts.ts'

/** One row of `container.list`. */
export function summarise(parts: Pick<Parts, 'network'>, container: Container): ContainerSummary {
  const { record, state } = container
  return {
    id: record.id,
    name: record.name,
    projectId: record.projectId,
    image: record.image.reference,
    imageId: record.image.id,
    command: record.args,
    labels: record.spec.labels,
    createdAt: record.createdAt,
    state,
    ports: parts.network.ports(record.id),
    networks: parts.network.endpoints(record.id).map((endpoint) => endpoint.network),
    mounts: record.mounts.map((mount) => mount.name ?? mount.source),
    resources: record.spec.resources,
    restart: record.spec.restart,
  }
}

/** Everything about a container. `size` counts the bytes of its writable layer, which walks it. */
export async function inspectContainer(parts: Parts, container: Container, size: boolean): Promise<ContainerInspect> {
  const { record } = container
  return {
    ...summarise(parts, container),
    spec: { ...record.spec, name: record.name },
    args: record.args,
    resolvedMounts: resolvedMounts(container),
    endpoints: parts.network.endpoints(record.id),
    idBase: record.idBase,
    logPath: logPath(parts, container),
    cgroupPath: parts.cgroups.path(container.group),
    apparmorProfile: container.apparmorProfile || undefined,
    storageDriver: parts.snapshots.driver,
    sizeRwBytes: size ? await parts.snapshots.usage(record.id) : undefined,
    lastStart: container.lastStart,
    warnings: record.warnings,
  }
}

/** Where its mounts come from, as far as others may know. */
export function resolvedMounts({ record }: Container): ContainerInspect['resolvedMounts'] {
  return record.mounts.map(({ type, name, source, target, readOnly, propagation }) => ({
    type,
    name,
    source,
    target,
    readOnly,
    propagation,
  }))
}

/** Newest file of the container's log. */
export function logPath(parts: Pick<Parts, 'store'>, container: Container): string {
  return `${parts.store.folder(container.id)}/log/container.log`
}
