export type SortValue = string | number
export type ListColumn<R> = { id: string; sort?: ((row: R) => SortValue) | undefined }
/** A choice of which rows are shown; its value is kept in the address under `id`. */
export type ListFilter<R> = { id: string; label: string; options: readonly { value: string; label: string; test: (row: R) => boolean }[] }
export type ListState = { search: string; sort: string; chosen: Readonly<Record<string, string>> }

/** Rows that hold every word of the search and pass every filter, in the order asked for (`-size`: largest first). */
export function listRows<R>(
  rows: readonly R[],
  text: (row: R) => string,
  columns: readonly ListColumn<R>[],
  filters: readonly ListFilter<R>[],
  { search, sort, chosen }: ListState,
): R[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const tests = filters.flatMap((filter) => filter.options.find(({ value }) => value === chosen[filter.id])?.test ?? [])
  const found = rows.filter((row) => {
    const haystack = text(row).toLowerCase()
    return words.every((word) => haystack.includes(word)) && tests.every((test) => test(row))
  })
  const descending = sort.startsWith('-')
  const value = columns.find((column) => column.id === sort.replace(/^-/, ''))?.sort
  if (!value) return found
  return found.sort((a, b) => (descending ? -1 : 1) * compare(value(a), value(b)))
}

const collator = new Intl.Collator(undefined, { numeric: true })
const compare = (a: SortValue, b: SortValue) => (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(`${a}`, `${b}`))
