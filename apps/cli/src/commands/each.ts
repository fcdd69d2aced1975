import { GantryError } from '@gantry/contracts'
import { describe, ExitStatus } from '../context.ts'

/** Does it to every name, prints the ones that went well, tells what failed and goes on; exit status 1 when any did. */
export async function forEachName(names: readonly string[], action: (name: string) => Promise<unknown>): Promise<void> {
  let failed = false
  for (const name of names) {
    try {
      await action(name)
      console.log(name)
    } catch (error) {
      if (!(error instanceof GantryError)) throw error
      console.error(`gantry: ${describe(error)}`)
      failed = true
    }
  }
  if (failed) throw new ExitStatus(1)
}
