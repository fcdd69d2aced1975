export type SortValue = string | number
export type ListColumn<R> = { id: string; sort?: ((row: R) => SortValue) | undefined }

/** Rows that hold every word of the search, in the order asked for (`-size`: largest first). */
export function listRows<R>(
  rows: readonly R[],
  search: string,
  text: (row: R) => string,
  columns: readonly ListColumn<R>[],
  sort: string,
): R[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = rows.filter((row) => {
    const haystack = text(row).toLowerCase()
    return words.every((word) => haystack.includes(word))
  })
  const descending = sort.startsWith('-')
  const value = columns.find((column) => column.id === sort.replace(/^-/, ''))?.sort
  if (!value) return found
  return found.sort((a, b) => (descending ? -1 : 1) * compare(value(a), value(b)))
}

const collator = new Intl.Collator(undefined, { numeric: true })
const compare = (a: SortValue, b: SortValue) => (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(`${a}`, `${b}`))
