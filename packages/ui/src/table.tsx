import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

/** The scroll box is focusable so that a keyboard can move it; name it by `label`. */
export function Table({ label, className, children, ...props }: ComponentProps<'table'> & { label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className="overflow-x-auto -outline-offset-2" aria-label={label} tabIndex={0}>
      <table className={cn('w-full border-collapse text-[13px]', className)} {...props}>
        <caption className="sr-only">{label}</caption>
        {children}
      </table>
    </section>
  )
}

export function Th({ className, ...props }: ComponentProps<'th'>) {
  return (
    <th scope="col" className={cn('h-8 whitespace-nowrap border-b px-3 text-left font-medium text-muted text-xs', className)} {...props} />
  )
}
export function Td({ className, ...props }: ComponentProps<'td'>) {
  return <td className={cn('h-9 border-b px-3 py-1.5 align-middle', className)} {...props} />
}
export function Tr({ className, ...props }: ComponentProps<'tr'>) {
  return <tr className={cn('hover:bg-hover/50 [tbody_&:last-child>td]:border-b-0', className)} {...props} />
}

export type SortDirection = 'asc' | 'desc' | false

/** A column head that sorts; tell the direction on the `th` by aria-sort too (see `ariaSort`). */
export function SortButton({ direction, onSort, children }: { direction: SortDirection; onSort: () => void; children: ReactNode }) {
  const Icon = direction === 'asc' ? ArrowUp : direction === 'desc' ? ArrowDown : ChevronsUpDown
  return (
    <button type="button" onClick={onSort} className="-mx-1 inline-flex h-6 items-center gap-1 rounded-sm px-1 hover:text-fg">
      {children}
      <Icon className={cn('size-3', direction ? 'text-accent' : 'text-faint')} aria-hidden />
    </button>
  )
}
export function ariaSort(direction: SortDirection): 'ascending' | 'descending' | 'none' {
  return direction === 'asc' ? 'ascending' : direction === 'desc' ? 'descending' : 'none'
}
