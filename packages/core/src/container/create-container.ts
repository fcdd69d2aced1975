import { type ContainerInspect, type ContainerSpec, GantryError, SYSTEM_PROJECT, containerSpecSchema } from '@gantry/contracts'
import { type Transaction, findLimits, knownKeys, presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import type { Backend } from '../backend.ts'
import { hostPolicy } from '../host/host-policy.ts'
import { projectFields } from '../lib/project-input.ts'
import { enginePolicy } from '../policy/engine-policy.ts'
import { checkResources } from '../policy/quota.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { type AdmitScope, type Scope, useCase } from '../use-case.ts'

interface Input {
  projectId: string
  spec: ContainerSpec
}

/**
 * Makes a container and, with `start`, starts it. Room for it and its volumes is reserved in the transaction that writes the
 * intent, so that any number of creates at once cannot exceed a limit by one. When the start fails the container is kept, to be
 * looked at and started again; `startError` says why.
 */
export const createContainer = useCase({
  verb: 'container.create',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...projectFields, spec: containerSpecSchema, start: z.boolean().default(false) }),
  object: ({ spec }) => `container ${spec.name ?? `of ${spec.image}`}`,
  prepare: prepareContainer,
  admit: admitContainer,
  async run(
    scope,
    { projectId, spec, start },
    hasVolumes,
  ): Promise<{ id: string; name: string; warnings: string[]; startError: string | null }> {
    const { backend, operationId, user, role } = scope
    const policy = enginePolicy({ hostAdmin: user.hostAdmin, role }, await hostPolicy(backend.db.read))
    const created = await backend.agent.call('container.create', { projectId, operationId, spec, policy })
    scope.object = `container ${created.name} (${created.id.slice(0, 12)})`
    const startError = start ? await tryStart(backend, projectId, created.id, operationId) : null
    const volumes = hasVolumes ? await volumesOf(backend, projectId, created.id) : []
    await scope.commit(async (tx) => {
      const made = { projectId, createdById: user.id }
      await presentHoldings(tx, { ...made, kind: 'container', keys: [created.id] })
      await presentHoldings(tx, { ...made, kind: 'volume', keys: volumes })
    })
    return { ...created, startError }
  },
})

/** What the agent knows that admission depends on. */
interface Prepared {
  /** Paths that the image declares as volumes and no mount covers. */
  imageVolumes: number
  diskBytes: number | undefined
}

async function prepareContainer({ backend }: AdmitScope, { projectId, spec }: Input): Promise<Prepared> {
  if (projectId === SYSTEM_PROJECT) throw new GantryError('forbidden', `nothing can run in project ${SYSTEM_PROJECT}`)
  const image = await backend.agent.call('image.inspect', { projectId, image: spec.image })
  const covered = new Set(spec.mounts.map(({ target }) => target))
  return {
    imageVolumes: image.config.volumes.filter((target) => !covered.has(target)).length,
    diskBytes: await measureDisk(backend, projectId),
  }
}

/** True when the container has volumes. */
async function admitContainer(tx: Transaction, { operationId, user }: AdmitScope, input: Input, prepared: Prepared): Promise<boolean> {
  const { projectId, spec } = input
  const admission = await lockForAdmission(tx, projectId)
  const tooLarge = checkResources(spec.resources, admission.limits)
  if (tooLarge) throw tooLarge
  const volumes = await newVolumes(tx, operationId, input, prepared)
  admit(admission, { containers: 1, volumes: volumes.length }, prepared.diskBytes)
  const reservation = { projectId, operationId, createdById: user.id }
  await reserveHoldings(tx, { ...reservation, kind: 'container', keys: [operationId] })
  await reserveHoldings(tx, { ...reservation, kind: 'volume', keys: volumes })
  return volumes.length > 0 || spec.mounts.some(({ type }) => type === 'volume')
}

/** Keys of the volumes that creating makes: named ones that are not there yet, and one per mount or image path without a name. */
async function newVolumes(tx: Transaction, operationId: string, { projectId, spec }: Input, { imageVolumes }: Prepared): Promise<string[]> {
  const mounts = spec.mounts.filter((mount) => mount.type === 'volume')
  const named = [...new Set(mounts.flatMap(({ source }) => source ?? []))]
  const known = await knownKeys(tx, projectId, 'volume', named)
  const unnamed = mounts.filter(({ source }) => source === undefined).length + imageVolumes
  return [...named.filter((name) => !known.has(name)), ...Array.from({ length: unnamed }, (_, index) => `${operationId}:${index}`)]
}

async function tryStart({ agent }: Backend, projectId: string, container: string, operationId: string): Promise<string | null> {
  try {
    await agent.call('container.start', { projectId, container, operationId: `${operationId}-start` })
    return null
  } catch (error) {
    if (error instanceof GantryError) return error.message
    throw error
  }
}

/** Names of the volumes that the container has now. One that is gone already (`autoRemove`) has none. */
async function volumesOf({ agent }: Backend, projectId: string, container: string): Promise<string[]> {
  try {
    const { resolvedMounts }: ContainerInspect = await agent.call('container.inspect', { projectId, container })
    return resolvedMounts.flatMap(({ type, name }) => (type === 'volume' && name !== undefined ? [name] : []))
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return []
    throw error
  }
}

/** The project's limits against what a container asks for, outside an admission (live changes). */
export async function checkAgainstProject(
  { backend }: Pick<Scope, 'backend'>,
  projectId: string,
  resources: ContainerSpec['resources'],
): Promise<void> {
  const limits = await findLimits(backend.db.read, projectId)
  if (!limits) throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
  const tooLarge = checkResources(resources, limits)
  if (tooLarge) throw tooLarge
}
