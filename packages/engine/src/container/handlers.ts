import type { AgentHandlers, OutputOf } from '@gantry/contracts'
import type { ArchiveHandlers } from '../archive/handlers.ts'
import { psTable } from '../host/ps-table.ts'
import { processesOf, top } from '../host/top.ts'
import { Operations } from '../lib/operations.ts'
import { attachContainer } from './attach.ts'
import { createContainer } from './create.ts'
import { inspectContainer } from './inspect.ts'
import { killContainer } from './kill.ts'
import { listContainers } from './list.ts'
import { containerLogs } from './logs.ts'
import { emit, type Parts } from './parts.ts'
import { pauseContainer, unpauseContainer } from './pause.ts'
import { planOnly } from './plan-only.ts'
import { pruneContainers } from './prune.ts'
import { removeContainer } from './remove.ts'
import { renameContainer } from './rename.ts'
import { resizeContainer } from './resize.ts'
import { restartContainer } from './restart.ts'
import { startContainer } from './start.ts'
import { containerStats, containerStatsStream } from './stats.ts'
import { stopContainer } from './stop.ts'
import { updateContainer } from './update.ts'

export type ContainerHandlers = Omit<
  Pick<AgentHandlers, Extract<keyof AgentHandlers, `container.${string}`>>,
  keyof ArchiveHandlers | 'container.commit'
>

/** The agent's `container.*` methods: find the container inside its project, call the verb. */
export function containerHandlers(parts: Parts): ContainerHandlers {
  const find = (input: { projectId: string; container: string }) => parts.store.find(input.projectId, input.container)
  return {
    ...makingHandlers(parts),
    'container.stop': async (input, signal) => done(stopContainer(parts, find(input), input, signal)),
    'container.kill': async (input) => done(killContainer(parts, find(input), input.signal)),
    'container.restart': async (input, signal) => done(restartContainer(parts, find(input), input, signal)),
    'container.pause': async (input) => done(pauseContainer(parts, find(input))),
    'container.unpause': async (input) => done(unpauseContainer(parts, find(input))),
    'container.rename': async (input) => done(renameContainer(parts, find(input), input.name)),
    'container.update': async (input) => ({ warnings: await updateContainer(parts, find(input), input.update) }),
    'container.remove': async (input) => done(removeContainer(parts, find(input), input)),
    'container.wait': async (input, signal) => find(input).wait(input.condition, signal),
    'container.list': async (input) => listContainers(parts, input),
    'container.inspect': async (input) => inspectContainer(parts, find(input), input.size),
    'container.top': async ({ psArgs, ...input }, signal) => {
      const container = find(input)
      container.require('exec')
      const { group, state } = container
      return psArgs ? psTable(await processesOf(parts.cgroups, group, state.pid), psArgs, signal) : top(parts.cgroups, group, state.pid)
    },
    'container.tell': async ({ action, execId, ...input }) => {
      emit(parts, find(input), action, execId === undefined ? {} : { execID: execId })
      return {}
    },
    'container.diff': async (input) => parts.snapshots.diff(find(input).id),
    'container.stats': async (input) => containerStats(parts, statsTargets(parts, input)),
    'container.statsStream': (input, signal) => containerStatsStream(parts, find(input), input.intervalMs, signal),
    'container.logs': (input, signal) => containerLogs(parts, find(input), input, signal),
    'container.attach': async (input, channel, signal) => attachContainer(parts, find(input), input, channel, signal),
    'container.resize': async (input) => done(resizeContainer(parts, find(input), input.columns, input.rows)),
    'container.plan': async (input) => ({ ops: await planOnly(parts, input.projectId, input.spec) }),
    'container.prune': async (input) => pruneContainers(parts, input),
  }
}

/** Calls that may be repeated with their operation id. */
function makingHandlers(parts: Parts): Pick<ContainerHandlers, 'container.create' | 'container.start'> {
  const creates = new Operations<OutputOf<'container.create'>>()
  const starts = new Operations<OutputOf<'container.start'>>()
  for (const { record } of parts.store.list()) {
    if (record.operationId === undefined) continue
    creates.remember(
      `${record.projectId} ${record.operationId}`,
      Promise.resolve({ id: record.id, name: record.name, warnings: record.warnings }),
    )
  }
  const key = (input: { projectId: string; operationId?: string }) => input.operationId && `${input.projectId} ${input.operationId}`
  return {
    'container.create': (input) =>
      creates.run(key(input), async () => {
        const { record } = await createContainer(parts, input)
        return { id: record.id, name: record.name, warnings: record.warnings }
      }),
    'container.start': (input) =>
      starts.run(key(input), async () => {
        const container = parts.store.find(input.projectId, input.container)
        await startContainer(parts, container)
        return { id: container.id, totalUs: container.lastStart?.totalUs ?? 0, steps: container.lastStart?.steps ?? [] }
      }),
  }
}

function statsTargets(parts: Parts, input: { projectId?: string; containers?: string[] }) {
  const { projectId, containers } = input
  if (!containers) return parts.store.list(projectId)
  if (projectId === undefined) return containers.flatMap((id) => parts.store.get(id) ?? [])
  return containers.map((reference) => parts.store.find(projectId, reference))
}

async function done(work: Promise<unknown>): Promise<Record<string, never>> {
  await work
  return {}
}
