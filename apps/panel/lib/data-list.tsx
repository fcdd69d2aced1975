'use client'
import { ariaSort, Button, Card, EmptyState, LoadingRows, SearchInput, Select, SortButton, Table, Td, Th, Tr } from '@gantry/ui'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslations } from 'use-intl'
import { searchBox } from '@/features/shell/use-shortcuts.ts'
import { ErrorNotice } from './error-notice.tsx'
import { type ListFilter, listRows, type SortValue } from './list-rows.ts'
import { useListState } from './use-list-state.ts'

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
  filters?: readonly ListFilter<R>[]
  sortedBy?: string
  /** before the names in the address, where a page has more than one list */
  scope?: string
  /** the page draws the frame itself */
  bare?: boolean
}

/** At most so many rows are drawn; who has more searches. */
const shownAtMost = 1000

/** A list that is loaded, searched, filtered and sorted; all of that is kept in the address. */
export function DataList<R>(props: Props<R>) {
  const { query, columns, rowKey, text, filters = [], sortedBy = 'name', scope = '', bare = false } = props
  const t = useTranslations('common')
  const list = useListState(scope, sortedBy, filters)
  const rows = query.data ? listRows(query.data, text, columns, filters, list.state) : []
  const content = (
    <>
      {query.data?.length === 0 ? null : (
        <ListTools list={list} count={query.data ? rows.length : undefined} {...props} filters={filters} />
      )}
      {query.error && !query.data ? <ErrorNotice error={query.error} onRetry={() => query.refetch()} className="m-3" /> : null}
      {query.isPending ? <LoadingRows label={t('loading')} /> : null}
      {query.data?.length === 0 ? props.empty : null}
      {query.data && query.data.length > 0 && rows.length === 0 ? (
        <EmptyState title={t('nothingFound')} action={<Button onClick={list.clear}>{t('clearFilters')}</Button>} />
      ) : null}
      {rows.length > 0 ? (
        <Table label={props.label}>
          <ListHead columns={columns} sort={list.state.sort} onSort={list.setSort} />
          <tbody>
            {rows.slice(0, shownAtMost).map((row) => (
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
      {rows.length > shownAtMost ? <p className="p-3 text-muted text-xs">{t('firstOnly', { count: shownAtMost })}</p> : null}
    </>
  )
  return bare ? content : <Card>{content}</Card>
}

function ListTools<R>({
  list,
  count,
  searchLabel,
  filters,
}: {
  list: ReturnType<typeof useListState<R>>
  count: number | undefined
  searchLabel: string
  filters: readonly ListFilter<R>[]
}) {
  const t = useTranslations('common')
  return (
    <div className="flex flex-wrap items-center gap-2 border-b p-3">
      <SearchInput
        {...searchBox}
        label={searchLabel}
        clearLabel={t('clear')}
        value={list.state.search}
        onValueChange={list.setSearch}
        className="min-w-40 flex-1 sm:max-w-72"
      />
      {filters.map((filter) => (
        <Select
          key={filter.id}
          aria-label={filter.label}
          value={list.state.chosen[filter.id] ?? ''}
          onChange={(event) => list.choose(filter.id, event.target.value)}
          className="w-auto min-w-32 max-sm:flex-1"
        >
          <option value="">
            {filter.label}: {t('all')}
          </option>
          {filter.options.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Select>
      ))}
      {list.filtered ? (
        <Button variant="ghost" onClick={list.clear}>
          <X aria-hidden />
          {t('clearFilters')}
        </Button>
      ) : null}
      {count === undefined ? null : (
        <span className="tabular text-muted text-xs" aria-live="polite">
          {t('resultsCount', { count })}
        </span>
      )}
    </div>
  )
}

function ListHead<R>({ columns, sort, onSort }: { columns: readonly DataColumn<R>[]; sort: string; onSort: (sort: string) => void }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => {
          const direction = sort === column.id ? 'asc' : sort === `-${column.id}` ? 'desc' : false
          return (
            <Th key={column.id} className={column.className} {...(column.sort ? { 'aria-sort': ariaSort(direction) } : {})}>
              {column.sort ? (
                <SortButton direction={direction} onSort={() => onSort(direction === 'asc' ? `-${column.id}` : column.id)}>
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
  )
}
