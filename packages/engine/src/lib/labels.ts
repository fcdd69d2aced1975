/** True when every filter (`key` or `key=value`) matches. */
export function matchesLabels(labels: Readonly<Record<string, string>>, filters: readonly string[] = []): boolean {
  return filters.every((filter) => {
    const equals = filter.indexOf('=')
    if (equals < 0) return Object.hasOwn(labels, filter)
    const key = filter.slice(0, equals)
    return Object.hasOwn(labels, key) && labels[key] === filter.slice(equals + 1)
  })
}
