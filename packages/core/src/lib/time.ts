/** True when RFC 3339 time `a` (UTC, up to nanoseconds) is after `b`; `Date` would round both to milliseconds. */
export function isLater(a: string, b: string): boolean {
  return sortable(a) > sortable(b)
}

/** The same number of fraction digits everywhere, so that text order is time order. */
function sortable(time: string): string {
  const [, seconds = '', fraction = ''] = /^([^.Z]*)(?:\.(\d+))?Z?$/.exec(time) ?? []
  return `${seconds}.${fraction.padEnd(9, '0')}`
}
