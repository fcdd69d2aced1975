import type { OutputOf } from '@gantry/contracts'
import { z } from 'zod'
import { containerFields } from '../lib/project-input.ts'
import { type UseCase, useCase } from '../use-case.ts'
import { type ByteStream, openByteStream } from './byte-stream.ts'

const fields = {
  ...containerFields,
  stdout: z.boolean().default(true),
  stderr: z.boolean().default(true),
  logs: z.boolean().default(false),
}
type Attached = ByteStream<OutputOf<'container.attach'>>
type AttachCase = UseCase<z.ZodObject<typeof fields, z.core.$strict>, Attached>

/** Output of the container's main process, as its log would show it. */
export function watchContainer(signal: AbortSignal): AttachCase {
  return useCase({
    verb: 'container.watch',
    permission: 'container.view',
    effect: 'read',
    input: z.strictObject(fields),
    run: async (scope, input): Promise<Attached> =>
      openByteStream(scope, { method: 'container.attach', input: { ...input, stdin: false }, permission: 'container.view', signal }),
  })
}

/** The same, and what is typed goes to the process: that is written down before anything can be typed. */
export function attachContainer(signal: AbortSignal): AttachCase {
  return useCase({
    verb: 'container.attach',
    permission: 'container.exec',
    effect: 'database',
    input: z.strictObject(fields),
    object: ({ container }) => `input of container ${container}`,
    async run(scope, input): Promise<Attached> {
      await scope.commit(async () => undefined)
      return openByteStream(scope, { method: 'container.attach', input: { ...input, stdin: true }, permission: 'container.exec', signal })
    },
  })
}
