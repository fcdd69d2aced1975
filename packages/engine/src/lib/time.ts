import { nowNano } from '../event/event-bus.ts'

/** RFC 3339 in UTC with nanoseconds, as docker writes times. */
export function rfc3339(nano: bigint = nowNano()): string {
  const seconds = new Date(Number(nano / 1_000_000n)).toISOString().slice(0, 19)
  return `${seconds}.${String(nano % 1_000_000_000n).padStart(9, '0')}Z`
}
