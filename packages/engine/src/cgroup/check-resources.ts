import { GantryError, type Resources } from '@gantry/contracts'
import type { HostFacts } from './host-facts.ts'
import type { Level } from './limits.ts'
import { isSubset, parseNumberList } from './number-list.ts'
import { formatBytes } from './words.ts'

/**
 * What this machine cannot give, and combinations that no schema of single fields can see, in docker's terms. Throws
 * `invalid_input` naming field, value and limit. What a project cannot give is refused where limits are translated.
 */
export function checkResources(r: Resources, facts: HostFacts, level: Level = 'container'): void {
  const refuse = (field: keyof Resources, text: string, limit: string, remedy: string) =>
    new GantryError('invalid_input', text, { field: `resources.${field}`, value: String(r[field]), limit, remedy })
  const cpus = parseNumberList(facts.onlineCpus()).size
  // A project's limit may be more than today's machine has: it is a bound and no request.
  if (level === 'container' && r.nanoCpus !== undefined && r.nanoCpus > cpus * 1e9) {
    throw refuse('nanoCpus', `${r.nanoCpus / 1e9} cpus: this machine has ${cpus}`, `${cpus} cpus`, `ask for 0.01 to ${cpus} cpus`)
  }
  if (r.nanoCpus !== undefined && (r.cpuQuotaUs !== undefined || r.cpuPeriodUs !== undefined)) {
    throw refuse('nanoCpus', 'cpus cannot be combined with a cpu quota or period', 'one of the two', 'give cpus, or quota and period')
  }
  if (r.cpuBurstUs && !r.cpuQuotaUs && !r.nanoCpus) {
    throw refuse('cpuBurstUs', 'a cpu burst needs a cpu quota', 'the quota', 'set cpus or a cpu quota too')
  }
  if (r.cpuRtRuntimeUs !== undefined && r.cpuRtPeriodUs !== undefined && r.cpuRtRuntimeUs > r.cpuRtPeriodUs) {
    const limit = `${r.cpuRtPeriodUs} µs`
    throw refuse('cpuRtRuntimeUs', `real-time runtime ${r.cpuRtRuntimeUs} µs exceeds its period ${limit}`, limit, 'lower the runtime')
  }
  checkMemory(r, refuse)
  checkMachine(r, facts)
}

/** Cpus, memory nodes, disks and huge pages are named by the request and must exist. */
function checkMachine(r: Resources, facts: HostFacts): void {
  const lists = [
    ['cpusetCpus', 'cpus', r.cpusetCpus, facts.onlineCpus],
    ['cpusetMems', 'memory nodes', r.cpusetMems, facts.onlineMems],
  ] as const
  for (const [field, noun, wanted, online] of lists) {
    if (wanted !== undefined && !isSubset(parseNumberList(wanted), parseNumberList(online()))) {
      throw unavailable(field, `${field} ${wanted}: this machine has ${noun} ${online()}`, wanted, online())
    }
  }
  for (const rates of [r.blkioWeightDevices, r.blkioReadBps, r.blkioWriteBps, r.blkioReadIops, r.blkioWriteIops]) {
    for (const { device } of rates ?? []) facts.disk(device)
  }
  const sizes = Object.keys(r.hugetlb ?? {})
  const known = sizes.length > 0 ? facts.hugePageSizes() : []
  const unknown = sizes.find((size) => !known.includes(size))
  if (unknown !== undefined) {
    const has = known.join(', ') || 'none'
    throw unavailable(`hugetlb.${unknown}`, `huge pages of ${unknown}: this machine has ${has}`, unknown, has)
  }
}

function unavailable(field: string, text: string, value: string, has: string): GantryError {
  return new GantryError('invalid_input', text, { field: `resources.${field}`, value, limit: has, remedy: `choose from ${has}` })
}

type Refuse = (field: keyof Resources, text: string, limit: string, remedy: string) => GantryError

function checkMemory(r: Resources, refuse: Refuse): void {
  const limit = r.memoryBytes ? formatBytes(r.memoryBytes) : ''
  if (r.memorySwapBytes !== undefined && r.memorySwapBytes > 0) {
    const swap = formatBytes(r.memorySwapBytes)
    if (!r.memoryBytes) throw refuse('memorySwapBytes', `memory and swap ${swap} needs a memory limit`, swap, 'set a memory limit too')
    if (r.memorySwapBytes < r.memoryBytes) {
      const text = `memory and swap ${swap} is less than memory ${limit}: it is the sum of both`
      throw refuse('memorySwapBytes', text, limit, `ask for at least ${limit}`)
    }
  }
  if (r.memoryReservationBytes && r.memoryBytes && r.memoryReservationBytes > r.memoryBytes) {
    const text = `memory reservation ${formatBytes(r.memoryReservationBytes)} exceeds memory limit ${limit}`
    throw refuse('memoryReservationBytes', text, limit, `ask for at most ${limit}`)
  }
}
