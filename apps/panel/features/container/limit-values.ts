import type { ContainerUpdate, Resources, RestartPolicy } from '@gantry/contracts'
import { containerUpdateSchema } from '@gantry/contracts'
import { bytesText, parseBytes, parseCount, parseCpus } from '../../lib/units.ts'

export const limitFields = ['nanoCpus', 'memoryBytes', 'memorySwapBytes', 'pidsLimit', 'cpuShares', 'cpusetCpus', 'blkioWeight'] as const
export type LimitField = (typeof limitFields)[number]
export type LimitValues = Record<LimitField, string> & { restart: RestartPolicy['name'] }

/** The limits as text to be edited. */
export function limitValues(resources: Resources, restart: RestartPolicy): LimitValues {
  const text = (value: number | string | undefined) => (value === undefined ? '' : `${value}`)
  return {
    nanoCpus: resources.nanoCpus === undefined ? '' : `${resources.nanoCpus / 1e9}`,
    memoryBytes: bytesText(resources.memoryBytes),
    memorySwapBytes: resources.memorySwapBytes === -1 ? '-1' : bytesText(resources.memorySwapBytes),
    pidsLimit: resources.pidsLimit === -1 ? '' : text(resources.pidsLimit),
    cpuShares: text(resources.cpuShares),
    cpusetCpus: text(resources.cpusetCpus),
    blkioWeight: text(resources.blkioWeight),
    restart: restart.name,
  }
}

const read: Record<LimitField, (text: string) => number | string | undefined> = {
  nanoCpus: parseCpus,
  memoryBytes: parseBytes,
  memorySwapBytes: (text) => (text.trim() === '-1' ? -1 : parseBytes(text)),
  pidsLimit: parseCount,
  cpuShares: parseCount,
  cpusetCpus: (text) => text.trim() || undefined,
  blkioWeight: parseCount,
}

export type LimitChange =
  | { ok: true; update: ContainerUpdate; changed: { field: LimitField | 'restart'; before: string; after: string }[] }
  | { ok: false; errors: Partial<Record<LimitField, string>> }

/** What is different, as the request for it; or what is wrong per field. A limit that is emptied is removed. */
export function limitChange(before: LimitValues, after: LimitValues): LimitChange {
  const resources: Record<string, number | string | null> = {}
  const errors: Partial<Record<LimitField, string>> = {}
  const changed: { field: LimitField | 'restart'; before: string; after: string }[] = []
  for (const field of limitFields) {
    const [old, value] = [read[field](before[field]), read[field](after[field])]
    if (old === value) continue
    resources[field] = value ?? null
    changed.push({ field, before: before[field], after: after[field].trim() })
  }
  if (before.restart !== after.restart) changed.push({ field: 'restart', before: before.restart, after: after.restart })
  const parsed = containerUpdateSchema.safeParse({
    resources,
    ...(before.restart === after.restart ? {} : { restart: { name: after.restart } }),
  })
  for (const issue of parsed.error?.issues ?? []) errors[(issue.path[1] ?? issue.path[0]) as LimitField] ??= issue.message
  return parsed.success && Object.keys(errors).length === 0 ? { ok: true, update: parsed.data, changed } : { ok: false, errors }
}
