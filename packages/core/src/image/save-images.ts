import { imageRefSchema } from '@gantry/contracts'
import { z } from 'zod'
import { receive } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

const saveFields = { ...projectFields, images: z.array(imageRefSchema).min(1).max(64) }

/** An archive of images, which is an OCI layout and docker's format at once. */
export const saveImages = (sink: { onBytes(bytes: Uint8Array): Promise<void>; signal: AbortSignal }) =>
  useCase({
    verb: 'image.save',
    permission: 'image.view',
    effect: 'read',
    input: z.strictObject(saveFields),
    async run({ backend: { agent } }, input): Promise<{ bytes: number }> {
      const { channel, result } = agent.duplex('image.save', input, { signal: sink.signal })
      await receive(channel, sink.onBytes)
      return await result
    },
  })
