'use client'
import { parseAsString, useQueryStates } from 'nuqs'
import { useMemo } from 'react'
import type { ListFilter, ListState } from './list-rows.ts'

/** Search, order and filters of a list, kept in the address. `scope` keeps two lists of one page apart. */
export function useListState<R>(scope: string, sortedBy: string, filters: readonly ListFilter<R>[]) {
  const ids = filters.map(({ id }) => id).join(' ')
  const { parsers, urlKeys } = useMemo(() => {
    const names = ['q', ...ids.split(' ').filter(Boolean)]
    const all = Object.fromEntries(names.map((name) => [name, parseAsString.withDefault('')]))
    const keys = Object.fromEntries([...names, 'sort'].map((name) => [name, scope === '' ? name : `${scope}-${name}`]))
    return { parsers: { ...all, sort: parseAsString.withDefault(sortedBy) }, urlKeys: keys }
  }, [ids, scope, sortedBy])
  const [values, set] = useQueryStates<Record<string, typeof parseAsString & { readonly defaultValue: string }>>(parsers, {
    throttleMs: 200,
    urlKeys,
  })
  const { q = '', sort = sortedBy, ...chosen } = values
  const state: ListState = { search: q, sort, chosen }
  return {
    state,
    filtered: q !== '' || Object.values(chosen).some((value) => value !== ''),
    setSearch: (search: string) => set({ q: search }),
    setSort: (id: string) => set({ sort: id }),
    choose: (id: string, value: string) => set({ [id]: value }),
    clear: () => set(Object.fromEntries(Object.keys(values).map((name) => [name, name === 'sort' ? sort : null]))),
  }
}
