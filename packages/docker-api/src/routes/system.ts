import type { HostInfo } from '@gantry/contracts'
import { listContainers, listImages, projectHost } from '@gantry/core'
import { type Route, json, route } from '../route.ts'
import { toInfo } from '../translate/info.ts'
import { newestVersion, oldestVersion, versionText } from '../version.ts'
import { engineVersion, gantryVersion } from './engine-version.ts'

const pingHeaders = {
  'content-type': 'text/plain; charset=utf-8',
  // 1: builds go to POST /build; there is no BuildKit behind POST /session.
  'Builder-Version': '1',
  Swarm: 'inactive',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
}

export const systemRoutes: readonly Route[] = [
  route({ method: 'HEAD', path: '/_ping', handle: () => ({ status: 200, text: '', headers: pingHeaders }) }),
  route({ method: 'GET', path: '/_ping', handle: () => ({ status: 200, text: 'OK', headers: pingHeaders }) }),
  route({
    method: 'GET',
    path: '/version',
    async handle(call) {
      const host = await call.run(projectHost, {})
      return json(versionOf(host))
    },
  }),
  route({
    method: 'GET',
    path: '/info',
    async handle(call) {
      const [host, containers, images] = await Promise.all([
        call.run(projectHost, {}),
        call.run(listContainers, {}),
        call.run(listImages, {}),
      ])
      const statuses = containers.map(({ state }) => state.status)
      return json(toInfo(host, { statuses, images: new Set(images.map(({ id }) => id)).size }, call.projectId, new Date()))
    },
  }),
]

/** Go's words for the machines that we run on. */
export function goArchitecture(machine: string): string {
  return { x86_64: 'amd64', aarch64: 'arm64' }[machine] ?? machine
}

function versionOf(host: HostInfo): object {
  const engine = {
    Version: engineVersion,
    ApiVersion: versionText(newestVersion),
    MinAPIVersion: versionText(oldestVersion),
    GitCommit: gantryVersion,
    GoVersion: 'none',
    Os: 'linux',
    Arch: goArchitecture(host.architecture),
    KernelVersion: host.kernel,
    BuildTime: '',
  }
  const { Version, ...rest } = engine
  return {
    Platform: { Name: `Gantry ${gantryVersion}` },
    Components: [
      { Name: 'Engine', Version, Details: { ...rest, Experimental: 'false' } },
      { Name: 'gantry-agent', Version: host.agentVersion, Details: { Instance: host.instanceId } },
    ],
    ...engine,
  }
}
