import type { HostInfo, ProjectUsage } from '@gantry/contracts'
import { z } from 'zod'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

/** The machine, and what one project has on it. */
export const projectHost = useCase({
  verb: 'host.ofProject',
  permission: 'project.view',
  effect: 'read',
  input: z.strictObject(projectFields),
  async run({ backend }, { projectId }): Promise<{ host: HostInfo; usage: ProjectUsage | undefined }> {
    const [host, usages] = await Promise.all([
      backend.agent.call('system.info', {}),
      backend.agent.call('project.usage', { ids: [projectId] }),
    ])
    return { host, usage: usages[0] }
  },
})
