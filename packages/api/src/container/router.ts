import {
  bulkContainers,
  createContainer,
  diffContainer,
  getContainer,
  killContainer,
  listContainers,
  listExecs,
  pauseContainer,
  planContainer,
  pruneContainers,
  removeContainer,
  renameContainer,
  restartContainer,
  startContainer,
  stopContainer,
  topContainer,
  unpauseContainer,
  updateContainer,
  watchAllStats,
  watchLogs,
  watchStats,
} from '@gantry/core'
import { tracked } from '@trpc/server'
import { mutation, query, resumable, router, subscription } from '../trpc.ts'

export const containerRouter = router({
  list: query(listContainers),
  get: query(getContainer),
  top: query(topContainer),
  diff: query(diffContainer),
  execs: query(listExecs),
  plan: query(planContainer),
  create: mutation(createContainer),
  start: mutation(startContainer),
  stop: mutation(stopContainer),
  kill: mutation(killContainer),
  restart: mutation(restartContainer),
  pause: mutation(pauseContainer),
  unpause: mutation(unpauseContainer),
  rename: mutation(renameContainer),
  update: mutation(updateContainer),
  remove: mutation(removeContainer),
  bulk: mutation(bulkContainers),
  prune: mutation(pruneContainers),
  /** `Stats` every second */
  stats: subscription(watchStats),
  /** `StatsRow[]` every two seconds */
  statsAll: subscription(watchAllStats),
  /** `{ id, data: LogLine[] }` */
  logs: resumable(watchLogs, (lines) => tracked(lines.at(-1)?.time ?? '', lines)),
})
