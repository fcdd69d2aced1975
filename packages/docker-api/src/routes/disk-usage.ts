import { GantryError } from '@gantry/contracts'
import { diskUsage } from '@gantry/core'
import { z } from 'zod'
import { list } from '../query.ts'
import { type Route, json, route } from '../route.ts'
import { toDiskUsage, usageTypes } from '../translate/disk-usage.ts'

export const diskUsageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/system/df',
    query: z.object({ type: list }),
    async handle(call) {
      const types = call.version < 42 ? [] : call.query.type
      const odd = types.find((type) => !usageTypes.some((known) => known === type))
      if (odd !== undefined) throw new GantryError('invalid_input', `unknown object type: ${odd}`, { field: 'type', value: odd })
      return json(toDiskUsage(await call.run(diskUsage, {}), { version: call.version, types }))
    },
  }),
]
