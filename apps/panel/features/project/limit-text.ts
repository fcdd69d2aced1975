import { type ProjectLimits, projectLimitsSchema } from '@gantry/contracts'
import { bytesText, parseBytes, parseCount, parseCpus } from '../../lib/units.ts'

export const projectLimitNames = [
  'nanoCpus',
  'memoryBytes',
  'memorySwapBytes',
  'pids',
  'containers',
  'volumes',
  'images',
  'diskBytes',
] as const
export type ProjectLimitName = (typeof projectLimitNames)[number]
export type LimitTexts = Record<ProjectLimitName, string>

/** A project's limits as text to be edited. */
export function limitTexts(limits: ProjectLimits): LimitTexts {
  const count = (value: number | undefined) => (value === undefined ? '' : `${value}`)
  return {
    nanoCpus: limits.nanoCpus === undefined ? '' : `${limits.nanoCpus / 1e9}`,
    memoryBytes: bytesText(limits.memoryBytes),
    memorySwapBytes: limits.memorySwapBytes === -1 ? '-1' : bytesText(limits.memorySwapBytes),
    pids: count(limits.pids),
    containers: count(limits.containers),
    volumes: count(limits.volumes),
    images: count(limits.images),
    diskBytes: bytesText(limits.diskBytes),
  }
}

/** The limits that the texts mean, or what is wrong with which. Empty text is no limit. */
export function readLimits(
  texts: LimitTexts,
): { ok: true; limits: ProjectLimits } | { ok: false; errors: Partial<Record<ProjectLimitName, string>> } {
  const values = {
    nanoCpus: parseCpus(texts.nanoCpus),
    memoryBytes: parseBytes(texts.memoryBytes),
    memorySwapBytes: texts.memorySwapBytes.trim() === '-1' ? -1 : parseBytes(texts.memorySwapBytes),
    pids: parseCount(texts.pids),
    containers: parseCount(texts.containers),
    volumes: parseCount(texts.volumes),
    images: parseCount(texts.images),
    diskBytes: parseBytes(texts.diskBytes),
  }
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
  const parsed = projectLimitsSchema.safeParse(given)
  if (parsed.success) return { ok: true, limits: parsed.data }
  const errors: Partial<Record<ProjectLimitName, string>> = {}
  for (const issue of parsed.error.issues) errors[issue.path[0] as ProjectLimitName] ??= issue.message
  return { ok: false, errors }
}
