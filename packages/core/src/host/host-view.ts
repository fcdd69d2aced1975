import type { HostInfo, User } from '@gantry/contracts'
import { visibleProjects } from '../access.ts'
import type { Backend } from '../backend.ts'

/** The host as `user` may see it: others learn how busy it is, not how much other projects have on it. */
export async function forEyesOf(backend: Backend, user: User, host: HostInfo): Promise<HostInfo> {
  if (user.hostAdmin) return host
  const ids = (await visibleProjects(backend, user)).map(({ project }) => project.id)
  const usages = ids.length === 0 ? [] : await backend.agent.call('project.usage', { ids })
  const sum = (count: 'containers' | 'running' | 'images') => usages.reduce((total, usage) => total + usage[count], 0)
  return { ...host, containers: sum('containers'), containersRunning: sum('running'), images: sum('images') }
}
