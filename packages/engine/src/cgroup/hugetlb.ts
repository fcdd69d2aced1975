import { join } from 'node:path'
import type { Change, Controller } from './controller.ts'

/** Huge pages by size; Documentation/admin-guide/cgroup-v1/hugetlb.rst. Reservations are limited too where the kernel can (5.7). */
export const hugetlb: Controller = {
  name: 'hugetlb',
  v1: (change) => limit(change, 'limit_in_bytes', '-1'),
  v2: (change) => {
    handDown(change)
    limit(change, 'max', 'max')
  },
}

/** On v2 a group has the files once every group above it hands the controller down. */
function handDown({ mount, ancestors, after, writes }: Change): void {
  if (Object.keys(after.hugetlb).length === 0) return
  for (const group of [mount, ...ancestors.toReversed()]) writes.write(join(group, 'cgroup.subtree_control'), '+hugetlb')
}

function limit({ dir, before, after, writes }: Change, file: string, none: string): void {
  for (const size of new Set([...Object.keys(before.hugetlb), ...Object.keys(after.hugetlb)])) {
    if (before.hugetlb[size] === after.hugetlb[size]) continue
    const value = after.hugetlb[size] ?? none
    writes.write(join(dir, `hugetlb.${size}.${file}`), value)
    writes.writeIfThere(join(dir, `hugetlb.${size}.rsvd.${file}`), value)
  }
}
