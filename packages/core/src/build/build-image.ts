import { type BuildEvent, type OutputOf, buildEventSchema, buildFields, pruneBuildsFields } from '@gantry/contracts'
import { presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import { hostPolicy } from '../host/host-policy.ts'
import { roomFor } from '../image/room.ts'
import { readLines, send } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { enginePolicy } from '../policy/engine-policy.ts'
import { checkResources } from '../policy/quota.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

/** Of a project's disk limit, what its build cache may take. */
const cacheShare = 0.25

/** Where the context comes from and where the answer goes, line by line. */
export interface BuildStreams {
  context: AsyncIterable<Uint8Array>
  onEvent(event: BuildEvent): Promise<void>
  signal: AbortSignal
}

/**
 * Builds an image from a Dockerfile. Room for one image is reserved; those pulled for it count from when they are there. Its commands run
 * as containers of the project with what the caller may do, and none can be larger than the project.
 */
export function buildImage(streams: BuildStreams) {
  return useCase({
    verb: 'image.build',
    permission: 'image.change',
    effect: 'agent',
    input: z.strictObject({ ...projectFields, ...buildFields }),
    object: ({ references }) => `image ${references.join(', ') || 'without a name'}`,
    prepare: ({ backend }, { projectId }) => measureDisk(backend, projectId),
    async admit(
      tx,
      { operationId, user },
      { projectId, resources },
      diskBytes,
    ): Promise<{ maxBytes: number; cacheBytes: number } | undefined> {
      const admission = await lockForAdmission(tx, projectId)
      const tooLarge = checkResources(resources, admission.limits)
      if (tooLarge) throw tooLarge
      admit(admission, { images: 1 }, diskBytes)
      await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys: [operationId] })
      const room = roomFor(admission.limits, diskBytes)
      const cacheBytes = Math.max(1, Math.floor((admission.limits.diskBytes ?? 0) * cacheShare))
      return room && { ...room, cacheBytes }
    },
    async run({ backend, commit, user, role }, input, limits): Promise<OutputOf<'image.build'>> {
      const { agent, db } = backend
      const policy = enginePolicy({ hostAdmin: user.hostAdmin, role }, await hostPolicy(db.read))
      const { channel, result } = agent.duplex('image.build', { ...input, policy, limits }, { signal: streams.signal, bulk: true })
      // The agent's verdict comes first: it may refuse before everything is sent.
      send(channel, streams.context).catch(() => undefined)
      const told = readLines(channel, (line) => streams.onEvent(buildEventSchema.parse(line)))
      told.catch(() => undefined)
      const built = await result
      await told
      const keys = [...new Set([built.id, ...built.pulled])]
      await commit((tx) => presentHoldings(tx, { projectId: input.projectId, kind: 'image', keys, createdById: user.id }))
      return built
    },
  })
}

/** Forgets cached steps of the project's builds. */
export const pruneBuildCache = useCase({
  verb: 'image.pruneBuilds',
  permission: 'image.change',
  effect: 'agent',
  input: z.strictObject({ ...projectFields, ...pruneBuildsFields }),
  object: ({ projectId }) => `build cache of project ${projectId}`,
  run: ({ backend }, input): Promise<OutputOf<'image.pruneBuilds'>> => backend.agent.call('image.pruneBuilds', input),
})
