import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { GantryError, idRangeSize } from '@gantry/contracts'

/** Ranges are counted in units of 65,536 ids. Below 16 are the machine's own users; above 2^31 some programs see negative ids. */
const firstRange = 16
const ranges = 32_768 - firstRange

/**
 * Picks the project's range of host ids: by hash of instance and project, so that instances on one machine that know nothing of each
 * other rarely meet, and past every range that is taken. Returns the first id. Throws `unavailable` when none is left.
 */
export function pickIdBase(instanceId: string, projectId: string, taken: (idBase: number) => boolean): number {
  const start = createHash('sha256').update(`${instanceId} ${projectId}`).digest().readUInt32BE(0) % ranges
  for (let step = 0; step < ranges; step++) {
    const idBase = (firstRange + ((start + step) % ranges)) * idRangeSize
    if (!taken(idBase)) return idBase
  }
  throw new GantryError('unavailable', 'no range of 65536 user ids is left on this machine')
}

/** Ranges given to users of the machine (subuid(5)): first id and count. */
export function readSubordinateIds(files = ['/etc/subuid', '/etc/subgid']): { first: number; count: number }[] {
  return files.flatMap((file) => {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
    return text.split('\n').flatMap((line) => {
      const [, first, count] = line.split(':')
      return first && count ? [{ first: Number(first), count: Number(count) }] : []
    })
  })
}

/** True when a range of ours would share ids with one of those. */
export function overlaps(idBase: number, others: readonly { first: number; count: number }[]): boolean {
  return others.some(({ first, count }) => first < idBase + idRangeSize && idBase < first + count)
}
