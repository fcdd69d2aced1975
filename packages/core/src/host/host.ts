import type { DoctorCheck, HostInfo } from '@gantry/contracts'
import { z } from 'zod'
import { useCase } from '../use-case.ts'
import { forEyesOf } from './host-view.ts'

export const hostInfo = useCase({
  verb: 'host.info',
  permission: 'host.view',
  effect: 'read',
  input: z.void(),
  run: async ({ backend, user }): Promise<HostInfo> => forEyesOf(backend, user, await backend.agent.call('system.info', {})),
})

/** What this kernel can do, and what falls back to what. */
export const hostDoctor = useCase({
  verb: 'host.doctor',
  permission: 'host.manage',
  effect: 'read',
  input: z.void(),
  run: ({ backend }): Promise<DoctorCheck[]> => backend.agent.call('system.doctor', {}),
})
