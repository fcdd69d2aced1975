import type { AgentHandlers } from '@gantry/contracts'
import { ioErrors } from '../image/io-errors.ts'
import { commitContainer, type Workshop } from './commit.ts'
import { importImage } from './import-image.ts'

export type BuildHandlers = Pick<AgentHandlers, 'container.commit' | 'image.import'>

/** The agent's methods that make images of files. */
export function buildHandlers(shop: Workshop): BuildHandlers {
  const { store } = shop.parts
  return {
    'container.commit': (input, signal) =>
      ioErrors(() => commitContainer(shop, store.find(input.projectId, input.container), input, signal)),
    'image.import': (input, channel, signal) => ioErrors(() => importImage(shop, input, channel, signal)),
  }
}
