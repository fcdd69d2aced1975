'use client'
import { ariaSort, Checkbox, cn, SortButton, Th } from '@gantry/ui'
import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  getSortedRowModel,
  type RowSelectionState,
  useReactTable,
} from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRouter } from 'next/navigation'
import { type Dispatch, type SetStateAction, useMemo, useRef, useState } from 'react'
import { useTranslations } from 'use-intl'
import { type ContainerRow, useContainerColumns } from './container-columns.tsx'
import { type ColumnName, columnNames, parseSort } from './list-filter.ts'
import { RowMenu } from './row-menu.tsx'
import { rowKey } from './row-keys.ts'

const rowHeight = 48
/** Columns that a phone has no room for; their facts are on the container's page. */
const wideOnly: Record<string, string> = {
  image: 'max-sm:hidden',
  cpu: 'max-md:hidden',
  memory: 'max-md:hidden',
  pids: 'max-lg:hidden',
  ports: 'max-lg:hidden',
  networks: 'max-lg:hidden',
  created: 'max-lg:hidden',
  createdBy: 'max-lg:hidden',
  project: 'max-sm:hidden',
}

type Props = {
  rows: ContainerRow[]
  label: string
  sort: string
  onSort: (sort: string) => void
  columns: readonly ColumnName[]
  selection: RowSelectionState
  onSelection: Dispatch<SetStateAction<RowSelectionState>>
}

/** The list itself. Only rows in sight are in the page, so a thousand containers cost what thirty do. */
export function ContainerTable({ rows: data, label, sort, onSort, columns, selection, onSelection }: Props) {
  const t = useTranslations('container')
  const definitions = useContainerColumns()
  const scroller = useRef<HTMLDivElement>(null)
  // the same objects while nothing changed: the table sorts anew, and renders again, for every new one
  const order = useMemo(() => parseSort(sort), [sort])
  const sorting = useMemo(() => [order], [order])
  const columnVisibility = useMemo(() => Object.fromEntries(columnNames.map((name) => [name, columns.includes(name)])), [columns])
  const table = useReactTable({
    data,
    columns: definitions as ColumnDef<ContainerRow>[],
    state: {
      sorting,
      rowSelection: selection,
      columnVisibility,
    },
    autoResetPageIndex: false,
    getRowId: (row) => row.id,
    onRowSelectionChange: onSelection,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
  })
  const { rows } = table.getRowModel()
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  })
  const shown = virtual.getVirtualItems()
  const above = shown[0]?.start ?? 0
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0)
  const width = table.getVisibleLeafColumns().length + 2
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section ref={scroller} aria-label={label} tabIndex={0} className="max-h-[calc(100dvh-15rem)] min-h-40 overflow-auto -outline-offset-2">
      <table className="w-full border-collapse text-[13px]" aria-rowcount={rows.length + 1}>
        <thead className="sticky top-0 z-10 bg-surface shadow-[0_1px_0_var(--line)]">
          <tr aria-rowindex={1}>
            <Th className="w-10 px-2">
              <Checkbox
                aria-label={t('selectAll')}
                checked={table.getIsAllRowsSelected()}
                indeterminate={table.getIsSomeRowsSelected()}
                onChange={table.getToggleAllRowsSelectedHandler()}
              />
            </Th>
            {table.getFlatHeaders().map(({ id, column, getContext }) => {
              const direction = order.id === id && (order.desc ? 'desc' : 'asc')
              return (
                <Th key={id} aria-sort={ariaSort(direction)} className={wideOnly[id]}>
                  <SortButton direction={direction} onSort={() => onSort(direction === 'asc' ? `-${id}` : id)}>
                    {flexRender(column.columnDef.header, getContext())}
                  </SortButton>
                </Th>
              )
            })}
            <Th className="w-10">
              <span className="sr-only">{t('rowMenu', { name: '' })}</span>
            </Th>
          </tr>
        </thead>
        <tbody>
          <Spacer height={above} width={width} />
          {shown.map(({ index }) => {
            const row = rows[index]
            if (!row) return null
            return (
              <BodyRow
                key={row.id}
                row={row.original}
                index={index}
                selected={row.getIsSelected()}
                onToggle={() => row.toggleSelected()}
                onMove={(to) => {
                  const next = Math.min(rows.length - 1, Math.max(0, to))
                  virtual.scrollToIndex(next)
                  requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus())
                }}
              >
                {row.getVisibleCells().map((cell) => (
                  <td key={cell.id} className={cn('px-3 max-sm:px-1.5', wideOnly[cell.column.id])}>
                    {flexRender(cell.column.columnDef.cell, cell.getContext())}
                  </td>
                ))}
              </BodyRow>
            )
          })}
          <Spacer height={below} width={width} />
        </tbody>
      </table>
    </section>
  )
}

/** Stands for the rows that are out of sight. */
function Spacer({ height, width }: { height: number; width: number }) {
  if (height <= 0) return null
  return (
    <tr aria-hidden>
      <td colSpan={width} style={{ height, padding: 0 }} />
    </tr>
  )
}

function BodyRow(props: {
  row: ContainerRow
  index: number
  selected: boolean
  onToggle: () => void
  onMove: (to: number) => void
  children: React.ReactNode
}) {
  const t = useTranslations('container')
  const router = useRouter()
  const { row, index, selected } = props
  const [focused, setFocused] = useState(false)
  return (
    <tr
      data-row={index}
      aria-rowindex={index + 2}
      aria-selected={selected}
      tabIndex={index === 0 || focused ? 0 : -1}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return
        const action = rowKey(event.key)
        if (!action) return
        event.preventDefault()
        if (action.kind === 'move') props.onMove(index + action.by)
        else if (action.kind === 'select') props.onToggle()
        else router.push(`/containers/${row.id}?project=${row.projectId}`)
      }}
      style={{ height: rowHeight }}
      className={cn('border-b -outline-offset-2 hover:bg-hover/60', selected && 'bg-accent-soft/60')}
    >
      <td className="w-10 px-2">
        <Checkbox aria-label={t('selectOne', { name: row.name })} checked={selected} onChange={props.onToggle} />
      </td>
      {props.children}
      <td className="w-10 px-1">
        <RowMenu container={row} />
      </td>
    </tr>
  )
}
