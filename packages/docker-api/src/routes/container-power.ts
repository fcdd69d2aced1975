import { GantryError } from '@gantry/contracts'
import {
  killContainer,
  pauseContainer,
  resizeContainer,
  restartContainer,
  startContainer,
  stopContainer,
  unpauseContainer,
} from '@gantry/core'
import { z } from 'zod'
import { text, whole } from '../query.ts'
import { type Reply, type Route, noContent, route } from '../route.ts'
import { reference } from './containers.ts'

const grace = { t: whole(-1, 86_400), signal: text }
const notModified: Reply = { status: 304 }

export const containerPowerRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/containers/{id}/start',
    query: z.object({ checkpoint: text, 'checkpoint-dir': text }),
    handle(call) {
      if (call.query.checkpoint !== undefined) noCheckpoints()
      return unless(['running'], () => call.run(startContainer, { container: reference(call.params.id) }))
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/stop',
    query: z.object(grace),
    handle: (call) =>
      unless(['created', 'exited', 'dead'], () =>
        call.run(stopContainer, { container: reference(call.params.id), ...graceOf(call.query) }),
      ),
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/restart',
    query: z.object(grace),
    async handle(call) {
      await call.run(restartContainer, { container: reference(call.params.id), ...graceOf(call.query) })
      return noContent
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/kill',
    query: z.object({ signal: text }),
    async handle(call) {
      await call.run(killContainer, { container: reference(call.params.id), signal: call.query.signal })
      return noContent
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/pause',
    async handle(call) {
      await call.run(pauseContainer, { container: reference(call.params.id) })
      return noContent
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/unpause',
    async handle(call) {
      await call.run(unpauseContainer, { container: reference(call.params.id) })
      return noContent
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/resize',
    query: z.object({ h: whole(1, 1000), w: whole(1, 1000) }),
    async handle(call) {
      const { h, w } = call.query
      if (h === undefined || w === undefined) throw new GantryError('invalid_input', 'invalid resize: h and w must be given')
      await call.run(resizeContainer, { container: reference(call.params.id), columns: w, rows: h })
      return { status: 200 }
    },
  }),
  ...(['GET /containers/{id}/checkpoints', 'POST /containers/{id}/checkpoints', 'DELETE /containers/{id}/checkpoints/{name}'] as const).map(
    (row) => {
      const [method, path] = row.split(' ') as ['GET' | 'POST' | 'DELETE', string]
      return route({ method, path, handle: noCheckpoints })
    },
  ),
]

function noCheckpoints(): never {
  throw new GantryError('unsupported', 'checkpoints are not supported')
}

function graceOf({ t, signal }: { t?: number; signal?: string }) {
  return { timeoutSeconds: t, signal }
}

/** Docker answers 304 to what is so already; everything else that does not fit is a conflict. */
async function unless(already: readonly string[], change: () => Promise<unknown>): Promise<Reply> {
  try {
    await change()
    return noContent
  } catch (error) {
    if (error instanceof GantryError && error.code === 'wrong_state' && already.includes(error.detail.value ?? '')) return notModified
    throw error
  }
}
