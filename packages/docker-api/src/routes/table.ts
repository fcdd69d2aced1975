import type { Route } from '../route.ts'
import { archiveRoutes } from './archive.ts'
import { buildRoutes } from './build.ts'
import { containerPowerRoutes } from './container-power.ts'
import { containerStreamRoutes } from './container-streams.ts'
import { containerRoutes } from './containers.ts'
import { diskUsageRoutes } from './disk-usage.ts'
import { eventRoutes } from './events.ts'
import { execRoutes } from './exec.ts'
import { imageStreamRoutes } from './image-streams.ts'
import { imageRoutes } from './images.ts'
import { networkRoutes } from './networks.ts'
import { swarmRoutes } from './swarm.ts'
import { systemRoutes } from './system.ts'
import { volumeRoutes } from './volumes.ts'

/** Everything the API answers. A request without a row here is `page not found`. */
export const routes: readonly Route[] = [
  ...systemRoutes,
  ...archiveRoutes,
  ...buildRoutes,
  ...containerPowerRoutes,
  ...containerRoutes,
  ...containerStreamRoutes,
  ...diskUsageRoutes,
  ...eventRoutes,
  ...execRoutes,
  ...imageStreamRoutes,
  ...imageRoutes,
  ...networkRoutes,
  ...swarmRoutes,
  ...volumeRoutes,
]
