import { join } from 'node:path'
import type { Change, Controller } from './controller.ts'

/** Huge pages by size; Documentation/admin-guide/cgroup-v1/hugetlb.rst. Reservations are limited too where the kernel can (5.7). */
export const hugetlb: Controller = {
  name: 'hugetlb',
  v1: (change) => limit(change, 'limit_in_bytes', '-1'),
  v2: (change) => limit(change, 'max', 'max'),
}

function limit({ dir, ancestors, before, after, facts, writes }: Change, file: string, none: string): void {
  const sizes = new Set([...Object.keys(before.hugetlb), ...Object.keys(after.hugetlb)])
  for (const size of sizes) {
    if (before.hugetlb[size] === after.hugetlb[size]) continue
    const value = after.hugetlb[size] ?? none
    writes.write(join(dir, `hugetlb.${size}.${file}`), value)
    const reservation = `hugetlb.${size}.rsvd.${file}`
    if (facts.exists(join(ancestors[0] ?? dir, reservation))) writes.write(join(dir, reservation), value)
  }
}
