import { GantryError } from '@gantry/contracts'

/** Runs `work`; a full disk becomes `no_space`, whichever write met it. */
export async function ioErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explained(error)
  }
}

export async function* ioErrorsInStream<T>(items: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* items
  } catch (error) {
    throw explained(error)
  }
}

function explained(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (error instanceof GantryError || (code !== 'ENOSPC' && code !== 'EDQUOT')) return error
  return new GantryError(
    'no_space',
    'the disk with the images is full',
    { errno: code, remedy: 'remove unused images (image prune) or volumes, or enlarge the disk' },
    { cause: error },
  )
}
