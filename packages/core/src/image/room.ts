import type { ProjectLimits } from '@gantry/contracts'

/** What an image may unpack to in a project with a disk limit: what is left of it. */
export function roomFor({ diskBytes: limit }: ProjectLimits, usedBytes: number | undefined): { maxBytes: number } | undefined {
  return limit === undefined || usedBytes === undefined ? undefined : { maxBytes: Math.max(1, limit - usedBytes) }
}
