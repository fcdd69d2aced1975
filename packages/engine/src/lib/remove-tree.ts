import { readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'

/** Files and folders that are removed without giving way to other work. */
const atOnce = 48

/**
 * Removes a folder with everything below; one that is not there is fine. A small tree goes at once, by direct system calls: each trip
 * of a call through Node's thread pool costs several times the call. A large one goes in the background of other work.
 */
export async function removeTree(path: string): Promise<void> {
  if (!removeSmall(path, { left: atOnce })) await rm(path, { recursive: true, force: true })
}

/** False when the budget was used up before the end. Symbolic links are removed, never followed. */
function removeSmall(path: string, budget: { left: number }): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (--budget.left < 0) return false
      const child = `${path}/${entry.name}`
      if (!entry.isDirectory()) unlinkSync(child)
      else if (!removeSmall(child, budget)) return false
    }
    rmdirSync(path)
    return true
  } catch (error) {
    // Somebody else removed or added something: the thorough way sorts it out.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && budget.left === atOnce
  }
}
