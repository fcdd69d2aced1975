import {
  addMember,
  auditFacets,
  checkAudit,
  closeTerminal,
  connectNetwork,
  createNetwork,
  createProject,
  createProjectToken,
  createUser,
  createVolume,
  dashboardOverview,
  disconnectNetwork,
  eventPosition,
  getHostPolicy,
  getProject,
  hostDoctor,
  hostInfo,
  inspectImage,
  inspectNetwork,
  inspectVolume,
  limitProject,
  listAudit,
  listImages,
  listMembers,
  listNetworks,
  listProjectTokens,
  listProjects,
  listTerminals,
  listTransfers,
  listUsers,
  listVolumes,
  openTerminal,
  projectUsage,
  pruneImages,
  pruneVolumes,
  removeImage,
  removeMember,
  removeNetwork,
  removeProject,
  removeVolume,
  renameProject,
  resetPassword,
  revokeProjectToken,
  setHostPolicy,
  setMemberRole,
  startPull,
  startPush,
  tagImage,
  updateUser,
  watchEvents,
  watchHost,
  watchTransfer,
} from '@gantry/core'
import { tracked } from '@trpc/server'
import { authRouter } from './auth/router.ts'
import { containerRouter } from './container/router.ts'
import { mutation, query, resumable, router, subscription } from './trpc.ts'

/**
 * Everything the browser can ask for, under `/trpc`. Queries and mutations go in streamed batches (`httpBatchStreamLink`),
 * `auth.*` each by itself (`httpLink`: they set the cookie), subscriptions over one WebSocket per tab, `/ws/trpc` (`wsLink`).
 * They are there as server-sent events too, but browsers keep at most six connections to a host, over all tabs.
 * Every error has `data.gantry`, a `WireError`.
 */
export const appRouter = router({
  auth: authRouter,
  user: router({
    list: query(listUsers),
    create: mutation(createUser),
    update: mutation(updateUser),
    resetPassword: mutation(resetPassword),
  }),
  project: router({
    list: query(listProjects),
    get: query(getProject),
    create: mutation(createProject),
    rename: mutation(renameProject),
    /** Replaces all limits. */
    setLimits: mutation(limitProject),
    remove: mutation(removeProject),
    usage: query(projectUsage),
    members: router({
      list: query(listMembers),
      add: mutation(addMember),
      setRole: mutation(setMemberRole),
      remove: mutation(removeMember),
    }),
    /** Let Docker clients into the project. `create` shows the token, once. */
    tokens: router({
      list: query(listProjectTokens),
      create: mutation(createProjectToken),
      revoke: mutation(revokeProjectToken),
    }),
  }),
  dashboard: router({
    overview: query(dashboardOverview),
    /** `{ id, data: HostSample }` every two seconds */
    hostStats: resumable(watchHost, (sample) => tracked(sample.time, sample)),
  }),
  container: containerRouter,
  terminal: router({
    ticket: mutation(openTerminal),
    sessions: query(listTerminals),
    close: mutation(closeTerminal),
  }),
  image: router({
    list: query(listImages),
    inspect: query(inspectImage),
    tag: mutation(tagImage),
    remove: mutation(removeImage),
    prune: mutation(pruneImages),
    /** Returns `{ operationId }` at once; `progress` tells how it goes, also to a browser that comes back. */
    pull: mutation(startPull),
    push: mutation(startPush),
    transfers: query(listTransfers),
    /** `ImageTransfer` whenever it changed, until it ends */
    progress: subscription(watchTransfer),
  }),
  network: router({
    list: query(listNetworks),
    inspect: query(inspectNetwork),
    create: mutation(createNetwork),
    remove: mutation(removeNetwork),
    connect: mutation(connectNetwork),
    disconnect: mutation(disconnectNetwork),
  }),
  volume: router({
    list: query(listVolumes),
    inspect: query(inspectVolume),
    create: mutation(createVolume),
    remove: mutation(removeVolume),
    prune: mutation(pruneVolumes),
  }),
  audit: router({
    list: query(listAudit),
    facets: query(auditFacets),
    verify: query(checkAudit),
  }),
  host: router({
    info: query(hostInfo),
    doctor: query(hostDoctor),
    policy: query(getHostPolicy),
    setPolicy: mutation(setHostPolicy),
  }),
  /** `{ id, data: EngineEvent }` as they happen */
  events: resumable(watchEvents, (event) => tracked(eventPosition(event), event)),
})
export type AppRouter = typeof appRouter
