import type { LogLine, Stats, StatsRow } from '@gantry/contracts'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { containerFields, resumeFields, someProjectFields } from '../lib/project-input.ts'
import { isLater } from '../lib/time.ts'
import { type StreamScope, streamCase } from '../stream-case.ts'

/** Counters of one container, every second. */
export const watchStats = streamCase({
  verb: 'container.stats',
  permission: 'container.view',
  input: z.strictObject({ ...containerFields, ...resumeFields }),
  run: ({ backend, signal }, { projectId, container }): AsyncIterable<Stats> =>
    backend.agent.stream('container.statsStream', { projectId, container, intervalMs: 1000 }, { signal }),
})

const listIntervalMs = 2_000

/** Counters of all running containers of one project, or of all that the caller can see, every two seconds. */
export const watchAllStats = streamCase({
  verb: 'container.statsAll',
  permission: 'container.view',
  acrossProjects: true,
  input: z.strictObject({ ...someProjectFields, ...resumeFields }),
  run: watchRows,
})

async function* watchRows({ backend, user, signal }: StreamScope, { projectId }: { projectId?: string }): AsyncGenerator<StatsRow[]> {
  const load = async () => (await backend.agent.call('container.stats', { projectId })).map(toRow)
  const key = `container.stats ${projectId ?? ''}`
  for await (const rows of backend.polls.watch(key, listIntervalMs, load, signal)) {
    if (projectId !== undefined || user.hostAdmin) yield rows
    else {
      // Memberships change while the stream is open.
      const shown = new Set((await visibleProjects(backend, user)).map(({ project }) => project.id))
      yield rows.filter((row) => shown.has(row.projectId))
    }
  }
}

function toRow({ id, projectId, timeNano, cpu, memory, pids, io, network }: Stats): StatsRow {
  const links = Object.values(network)
  return {
    id,
    projectId,
    timeNano,
    cpuUsageNs: cpu.usageNs,
    hostNs: cpu.hostNs,
    onlineCpus: cpu.onlineCpus,
    // As docker counts: page cache that can be dropped at once is not use.
    memoryUsageBytes: Math.max(0, memory.usageBytes - memory.inactiveFileBytes),
    memoryLimitBytes: memory.limitBytes,
    pids: pids.current,
    readBytes: io.readBytes,
    writeBytes: io.writeBytes,
    rxBytes: links.reduce((sum, { rxBytes }) => sum + rxBytes, 0),
    txBytes: links.reduce((sum, { txBytes }) => sum + txBytes, 0),
  }
}

/** Log lines in batches; with `follow` it goes on. `lastEventId` is the time of the last line that was seen. */
export const watchLogs = streamCase({
  verb: 'container.logs',
  permission: 'container.view',
  input: z.strictObject({
    ...containerFields,
    ...resumeFields,
    follow: z.boolean().default(true),
    stdout: z.boolean().default(true),
    stderr: z.boolean().default(true),
    tail: z.number().int().min(0).max(100_000).optional(),
    since: z.string().max(64).optional(),
    until: z.string().max(64).optional(),
    /** The first batch of one who follows is empty then, and says that the log is open: all of it comes, even if it is removed. */
    tellOpen: z.boolean().default(false),
  }),
  async *run({ backend, signal }, { lastEventId, tellOpen, ...input }): AsyncGenerator<LogLine[]> {
    const resumed = lastEventId ? { ...input, since: lastEventId, tail: undefined } : input
    for await (const { lines } of backend.agent.stream('container.logs', resumed, { signal })) {
      // `since` includes the line that was seen last.
      const fresh = lastEventId ? lines.filter(({ time }) => isLater(time, lastEventId)) : lines
      if (fresh.length > 0 || (tellOpen && lines.length === 0)) yield fresh
    }
  },
})
