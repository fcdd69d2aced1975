import type { HostSample } from '@gantry/contracts'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { forEyesOf } from '../host/host-view.ts'
import { resumeFields } from '../lib/project-input.ts'
import { type StreamScope, streamCase } from '../stream-case.ts'

const intervalMs = 2_000

/** Counters of the host and of the projects that the caller can see, every two seconds. */
export const watchHost = streamCase({
  verb: 'dashboard.hostStats',
  permission: 'host.view',
  input: z.strictObject(resumeFields),
  run: samples,
})

async function* samples({ backend, user, signal }: StreamScope): AsyncGenerator<HostSample> {
  const load = async () => {
    const [host, projects] = await Promise.all([backend.agent.call('system.info', {}), backend.agent.call('project.stats', {})])
    return { time: backend.now().toISOString(), host, projects }
  }
  for await (const sample of backend.polls.watch('dashboard.hostStats', intervalMs, load, signal)) {
    if (user.hostAdmin) yield sample
    else {
      const shown = new Set((await visibleProjects(backend, user)).map(({ project }) => project.id))
      const projects = sample.projects.filter(({ projectId }) => shown.has(projectId))
      yield { ...sample, host: await forEyesOf(backend, user, sample.host), projects }
    }
  }
}
