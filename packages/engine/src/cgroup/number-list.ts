/** Numbers of a list in cpuset(7) syntax: "0-2,4" → 0 1 2 4. The empty list is "". */
export function parseNumberList(list: string): Set<number> {
  const numbers = new Set<number>()
  for (const range of list.split(',')) {
    const [first, last] = range.trim().split('-').map(Number)
    if (range.trim() === '' || first === undefined) continue
    // A list from a request may name absurd ranges; nobody has a million cpus.
    for (let n = first; n <= Math.min(last ?? first, first + 65_535); n++) numbers.add(n)
  }
  return numbers
}

/** The shortest list that holds these numbers. */
export function formatNumberList(numbers: Iterable<number>): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const ranges: [number, number][] = []
  for (const n of sorted) {
    const open = ranges.at(-1)
    if (open && open[1] === n - 1) open[1] = n
    else ranges.push([n, n])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

export function isSubset(inner: ReadonlySet<number>, outer: ReadonlySet<number>): boolean {
  for (const n of inner) if (!outer.has(n)) return false
  return true
}
