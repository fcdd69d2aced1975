import type { HostInfo } from '@gantry/contracts'
import { z } from 'zod'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

/** The machine, for whoever may see the project. */
export const projectHost = useCase({
  verb: 'host.ofProject',
  permission: 'project.view',
  effect: 'read',
  input: z.strictObject(projectFields),
  run: ({ backend }): Promise<HostInfo> => backend.agent.call('system.info', {}),
})
