import type { ContainerStatus, PanelContainer } from '@gantry/contracts'
import { wireError } from '../../lib/errors.ts'
import type { SimpleVerb } from './verbs.ts'

/**
 * Starting a container makes a network link, and a browser on the same machine drops its connections when links change
 * (Chromium's ERR_NETWORK_CHANGED). The request may well have been carried out; these tell whether it was.
 */
export const isLostAnswer = (error: unknown): boolean => wireError(error).code === 'network'

const after: Record<SimpleVerb, readonly (ContainerStatus | 'gone')[]> = {
  start: ['running'],
  restart: ['running'],
  unpause: ['running'],
  stop: ['exited', 'dead', 'gone'],
  kill: ['exited', 'dead', 'gone'],
  pause: ['paused'],
  remove: ['gone', 'removing'],
}

/** True when a container in `status` (`gone`: no longer there) is as the verb leaves it. */
export const hasEffect = (verb: SimpleVerb, status: ContainerStatus | 'gone'): boolean => after[verb].includes(status)

type Listed = Pick<PanelContainer, 'id' | 'name' | 'image' | 'createdAt'>

/** The container that an unanswered create made: of that name, or new since then from that image. */
export function madeSince<C extends Listed>(
  containers: readonly C[],
  asked: { name?: string | undefined; image: string },
  sinceMs: number,
): C | undefined {
  const sameImage = (image: string) => image === asked.image || image === `${asked.image}:latest`
  return containers.find(
    (container) => Date.parse(container.createdAt) >= sinceMs && (asked.name ? container.name === asked.name : sameImage(container.image)),
  )
}

/** Looks a few times, as the request may still be under way and the line may still be down; undefined when it never shows. */
export async function lookFor<T>(
  look: () => Promise<T | undefined>,
  pause = () => new Promise<void>((done) => setTimeout(done, 400)),
): Promise<T | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    await pause()
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      if (!isLostAnswer(error)) throw error
    }
  }
  return undefined
}
