import { DockerError } from '../errors.ts'
import { type Route, json, route } from '../route.ts'

const noManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

type Method = 'GET' | 'POST' | 'DELETE' | 'PUT'

/** Answers of an engine that is in no swarm and has no plugins: Docker's own words, so that clients go on as they would there. */
function refusing(status: number, message: string, ...rows: [Method, string][]): Route[] {
  return rows.map(([method, path]) =>
    route({
      method,
      path,
      handle() {
        throw new DockerError(status, message)
      },
    }),
  )
}

const kinds = ['nodes', 'services', 'tasks', 'secrets', 'configs']

export const swarmRoutes: readonly Route[] = [
  ...refusing(
    503,
    noManager,
    ['GET', '/swarm'],
    ['POST', '/swarm/update'],
    ['GET', '/swarm/unlockkey'],
    ['POST', '/swarm/unlock'],
    // Only volumes of a swarm's clusters can be changed.
    ['PUT', '/volumes/{name}'],
    ...kinds.flatMap((kind): [Method, string][] => [
      ['GET', `/${kind}`],
      ['POST', `/${kind}/create`],
      ['GET', `/${kind}/{id}`],
      ['DELETE', `/${kind}/{id}`],
      ['POST', `/${kind}/{id}/update`],
      ['GET', `/${kind}/{id}/logs`],
    ]),
  ),
  ...refusing(503, 'This node is not part of a swarm', ['POST', '/swarm/leave']),
  ...refusing(501, 'swarm mode is not supported: containers run on this machine only', ['POST', '/swarm/init'], ['POST', '/swarm/join']),
  route({ method: 'GET', path: '/plugins', handle: () => json([]) }),
  route({
    method: 'GET',
    path: '/plugins/{name*}/json',
    handle({ params }) {
      throw new DockerError(404, `plugin "${params.name}" not found`)
    },
  }),
  ...refusing(
    501,
    'plugins are not supported: they would run with all rights of the host',
    ['GET', '/plugins/privileges'],
    ['POST', '/plugins/pull'],
    ['POST', '/plugins/create'],
    ['DELETE', '/plugins/{name*}'],
    ['POST', '/plugins/{name*}/enable'],
    ['POST', '/plugins/{name*}/disable'],
    ['POST', '/plugins/{name*}/upgrade'],
    ['POST', '/plugins/{name*}/push'],
    ['POST', '/plugins/{name*}/set'],
  ),
]
