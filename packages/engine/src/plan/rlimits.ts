import type { Op, Ulimit } from '@gantry/contracts'

/** Core files of containers would land on the host's disk or in its core handler. */
const defaultLimits: readonly Ulimit[] = [{ name: 'core', soft: 0, hard: 0 }]

/** `rlimit NAME SOFT HARD`, -1 = unlimited. The native side clamps to the hard limit it has, as raising needs CAP_SYS_RESOURCE. */
export function rlimitOps(ulimits: readonly Ulimit[]): Op[] {
  const asked = new Set(ulimits.map((limit) => limit.name))
  const limits = [...defaultLimits.filter((limit) => !asked.has(limit.name)), ...ulimits]
  return limits.map((limit) => ['rlimit', limit.name, String(limit.soft), String(limit.hard)])
}
