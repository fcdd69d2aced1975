'use client'
import { useQueryStates } from 'nuqs'
import { listParsers } from './list-filter.ts'

/** The containers list's filters, order and columns, kept in the address. */
export function useListState() {
  const [filter, setFilter] = useQueryStates(listParsers, { throttleMs: 200, clearOnDefault: true })
  const filtered = filter.q !== '' || filter.status.length > 0 || filter.image !== '' || filter.label !== ''
  return { filter, setFilter, filtered, reset: () => setFilter({ q: null, status: null, image: null, label: null }) }
}
export type ListState = ReturnType<typeof useListState>
