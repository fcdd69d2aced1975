import type { EngineEvent } from '@gantry/contracts'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { resumeFields, someProjectFields } from '../lib/project-input.ts'
import { type StreamScope, streamCase } from '../stream-case.ts'

/** What happens in one project, or in all that the caller can see. `lastEventId` is `boot:seq` of the last event that was seen. */
export const watchEvents = streamCase({
  verb: 'events.watch',
  permission: 'container.view',
  acrossProjects: true,
  input: z.strictObject({ ...someProjectFields, ...resumeFields, follow: z.boolean().optional() }),
  run: events,
})

async function* events(
  { backend, user, signal }: StreamScope,
  { projectId, lastEventId, follow }: { projectId?: string; lastEventId?: string | null; follow?: boolean },
): AsyncGenerator<EngineEvent> {
  const since = parsePosition(lastEventId)
  for await (const event of backend.agent.stream('system.events', { projectId, since, follow }, { signal })) {
    if (projectId !== undefined || user.hostAdmin) yield event
    else if ((await visibleProjects(backend, user)).some(({ project }) => project.id === event.projectId)) yield event
  }
}

/** `boot:seq`, as `eventPosition` writes it. */
function parsePosition(text: string | null | undefined): { boot: string; seq: number } | undefined {
  const [, boot, seq] = /^(.+):(\d+)$/.exec(text ?? '') ?? []
  return boot && seq ? { boot, seq: Number(seq) } : undefined
}

export const eventPosition = ({ boot, seq }: Pick<EngineEvent, 'boot' | 'seq'>): string => `${boot}:${seq}`
