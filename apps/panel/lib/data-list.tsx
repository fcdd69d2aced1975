'use client'
import { ariaSort, Button, Card, EmptyState, LoadingRows, SearchInput, SortButton, Table, Td, Th, Tr } from '@gantry/ui'
import { parseAsString, useQueryStates } from 'nuqs'
import type { ReactNode } from 'react'
import { useTranslations } from 'use-intl'
import { searchBox } from '@/features/shell/use-shortcuts.ts'
import { ErrorNotice } from './error-notice.tsx'
import { listRows, type SortValue } from './list-rows.ts'

export type DataColumn<R> = {
  id: string
  header: string
  cell: (row: R) => ReactNode
  sort?: (row: R) => SortValue
  /** for cells and head: `max-sm:hidden` */
  className?: string
}
type Props<R> = {
  label: string
  searchLabel: string
  query: { data: readonly R[] | undefined; isPending: boolean; error: unknown; refetch: () => unknown }
  columns: readonly DataColumn<R>[]
  rowKey: (row: R) => string
  text: (row: R) => string
  empty: ReactNode
  sortedBy?: string
  tools?: ReactNode
}

/** A list that is loaded, searched and sorted; search and order are kept in the address. */
export function DataList<R>({ label, searchLabel, query, columns, rowKey, text, empty, sortedBy = 'name', tools }: Props<R>) {
  const t = useTranslations('common')
  const [{ q, sort }, set] = useQueryStates(
    { q: parseAsString.withDefault(''), sort: parseAsString.withDefault(sortedBy) },
    { throttleMs: 200 },
  )
  const rows = query.data ? listRows(query.data, q, text, columns, sort) : []
  return (
    <Card>
      <div className="flex flex-wrap items-center gap-2 border-b p-3">
        <SearchInput
          {...searchBox}
          label={searchLabel}
          clearLabel={t('clear')}
          value={q}
          onValueChange={(value) => set({ q: value })}
          className="min-w-40 flex-1 sm:max-w-72"
        />
        {query.data ? (
          <span className="tabular text-muted text-xs" aria-live="polite">
            {t('resultsCount', { count: rows.length })}
          </span>
        ) : null}
        {tools ? <div className="ml-auto flex flex-wrap items-center gap-2">{tools}</div> : null}
      </div>
      {query.error && !query.data ? <ErrorNotice error={query.error} onRetry={() => query.refetch()} className="m-3" /> : null}
      {query.isPending ? <LoadingRows label={t('loading')} /> : null}
      {query.data?.length === 0 ? empty : null}
      {query.data && query.data.length > 0 && rows.length === 0 ? (
        <EmptyState title={t('nothingFound')} action={<Button onClick={() => set({ q: null })}>{t('clearFilters')}</Button>} />
      ) : null}
      {rows.length > 0 ? (
        <Table label={label}>
          <thead>
            <tr>
              {columns.map((column) => {
                const direction = sort === column.id ? 'asc' : sort === `-${column.id}` ? 'desc' : false
                return (
                  <Th key={column.id} className={column.className} {...(column.sort ? { 'aria-sort': ariaSort(direction) } : {})}>
                    {column.sort ? (
                      <SortButton direction={direction} onSort={() => set({ sort: direction === 'asc' ? `-${column.id}` : column.id })}>
                        {column.header}
                      </SortButton>
                    ) : (
                      column.header
                    )}
                  </Th>
                )
              })}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Tr key={rowKey(row)}>
                {columns.map((column) => (
                  <Td key={column.id} className={column.className}>
                    {column.cell(row)}
                  </Td>
                ))}
              </Tr>
            ))}
          </tbody>
        </Table>
      ) : null}
    </Card>
  )
}
