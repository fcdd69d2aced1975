import { type ErrorDetail, GantryError, type ProjectLimits, type Resources } from '@gantry/contracts'

/** What of a project is counted, and what is asked for on top. Disk is measured, never asked for: its growth is not known before. */
export interface Counted {
  containers: number
  volumes: number
  images: number
}
export interface Usage extends Counted {
  /** Undefined when it was not measured. */
  diskBytes?: number
}

const countedLimits = ['containers', 'volumes', 'images'] as const satisfies (keyof Counted)[]

/**
 * Null when `ask` fits on top of `usage`, else the refusal, which names the limit, what is used, what was asked for and what to do.
 * A project over its limit (lowered since) is refused only more of the same kind.
 */
export function checkQuota(usage: Usage, ask: Partial<Counted>, limits: ProjectLimits): GantryError | null {
  for (const kind of countedLimits) {
    const limit = limits[kind]
    const asked = ask[kind] ?? 0
    if (limit !== undefined && asked > 0 && usage[kind] + asked > limit) return countRefusal(kind, usage[kind], asked, limit)
  }
  const { diskBytes } = limits
  if (diskBytes !== undefined && usage.diskBytes !== undefined && usage.diskBytes >= diskBytes && anything(ask)) {
    return diskRefusal(usage.diskBytes, diskBytes)
  }
  return null
}

function anything(ask: Partial<Counted>): boolean {
  return countedLimits.some((kind) => (ask[kind] ?? 0) > 0)
}

function countRefusal(kind: keyof Counted, used: number, asked: number, limit: number): GantryError {
  return refusal(`project limit of ${limit} ${kind} is reached: ${used} in use, ${asked} more asked for`, {
    field: kind,
    used: String(used),
    asked: String(asked),
    limit: String(limit),
    remedy: `remove ${kind} you no longer need, or ask a host administrator to raise the project's limit`,
  })
}

function diskRefusal(used: number, limit: number): GantryError {
  return refusal(`project disk limit of ${formatBytes(limit)} is reached: ${formatBytes(used)} in use`, {
    field: 'diskBytes',
    used: formatBytes(used),
    limit: formatBytes(limit),
    remedy: "remove images, volumes or containers you no longer need, or ask a host administrator to raise the project's limit",
  })
}

/** Null when a container's own limits fit below its project's, which the kernel holds for the sum anyway. */
export function checkResources(resources: Resources, limits: ProjectLimits): GantryError | null {
  const memory = exceeding('memory', 'resources.memoryBytes', resources.memoryBytes, limits.memoryBytes, formatBytes)
  if (memory) return memory
  const cpus = exceeding('cpu', 'resources.nanoCpus', nanoCpus(resources), limits.nanoCpus, formatCpus)
  if (cpus) return cpus
  return exceeding('process', 'resources.pidsLimit', resources.pidsLimit, limits.pids, String)
}

function exceeding(
  name: string,
  field: string,
  asked: number | undefined,
  limit: number | undefined,
  format: (value: number) => string,
): GantryError | null {
  if (asked === undefined || limit === undefined || asked <= limit) return null
  return refusal(`${name} limit ${format(asked)} exceeds project limit ${format(limit)}`, {
    field,
    asked: format(asked),
    limit: format(limit),
    remedy: `ask for at most ${format(limit)}, or ask a host administrator to raise the project's limit`,
  })
}

/** Of `--cpus`, or of quota and period. */
function nanoCpus({ nanoCpus, cpuQuotaUs, cpuPeriodUs = 100_000 }: Resources): number | undefined {
  if (nanoCpus !== undefined) return nanoCpus
  return cpuQuotaUs === undefined ? undefined : Math.round((cpuQuotaUs / cpuPeriodUs) * 1e9)
}

function refusal(message: string, detail: ErrorDetail): GantryError {
  return new GantryError('quota_exceeded', message, detail)
}

/** `1.5 GiB`: at most two decimals, none that are zero. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${Number(value.toFixed(2))} ${units[unit]}`
}

/** `0.5 cpus`, `1 cpu` */
export function formatCpus(nano: number): string {
  const cpus = Number((nano / 1e9).toFixed(2))
  return `${cpus} ${cpus === 1 ? 'cpu' : 'cpus'}`
}
