import { type Distribution, type OutputOf, imageRefSchema, registryAuthSchema } from '@gantry/contracts'
import { z } from 'zod'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

const questionFields = { ...projectFields, reference: imageRefSchema, auth: registryAuthSchema.optional() }

/** The machine asks a registry in the caller's place, so only those may who could pull from it. */
export const inspectRegistry = useCase({
  verb: 'registry.inspect',
  permission: 'image.change',
  effect: 'read',
  input: z.strictObject(questionFields),
  run: ({ backend }, { reference, auth }): Promise<Distribution> => backend.agent.call('registry.inspect', { reference, auth }),
})

export const listRegistryTags = useCase({
  verb: 'registry.tags',
  permission: 'image.change',
  effect: 'read',
  input: z.strictObject(questionFields),
  run: ({ backend }, { reference, auth }): Promise<string[]> => backend.agent.call('registry.tags', { reference, auth }),
})

/** Whether a registry takes these credentials. Nothing is kept: the client sends them with each request. */
export const loginToRegistry = useCase({
  verb: 'registry.login',
  permission: 'image.change',
  effect: 'read',
  input: z.strictObject({ ...projectFields, auth: registryAuthSchema.extend({ serverAddress: z.string().max(256) }) }),
  run: ({ backend }, { auth }): Promise<OutputOf<'registry.login'>> => backend.agent.call('registry.login', { auth }),
})
