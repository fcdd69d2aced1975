import type { Route } from '../route.ts'
import { networkRoutes } from './networks.ts'
import { swarmRoutes } from './swarm.ts'
import { systemRoutes } from './system.ts'
import { volumeRoutes } from './volumes.ts'

/** Everything the API answers. A request without a row here is `page not found`. */
export const routes: readonly Route[] = [...systemRoutes, ...networkRoutes, ...swarmRoutes, ...volumeRoutes]
