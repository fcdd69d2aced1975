'use client'
import { Search, X } from 'lucide-react'
import type { ComponentProps, Ref } from 'react'
import { cn } from './cn.ts'

const box =
  'w-full rounded-md border border-line-strong/70 bg-raised text-fg placeholder:text-muted/80 disabled:cursor-not-allowed disabled:bg-sunken disabled:text-muted aria-invalid:border-bad focus-visible:outline-offset-0'

export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(box, 'h-8 px-2.5 text-[13px] max-sm:text-base', className)} {...props} />
}

export function Textarea({ className, ...props }: ComponentProps<'textarea'>) {
  return <textarea className={cn(box, 'min-h-20 px-2.5 py-1.5 text-[13px] max-sm:text-base', className)} {...props} />
}

/** The platform's own list: it works with keyboard, touch and screen reader everywhere. */
export function Select({ className, children, ...props }: ComponentProps<'select'>) {
  return (
    <select className={cn(box, 'h-8 py-0 pr-7 pl-2 text-[13px] max-sm:text-base', className)} {...props}>
      {children}
    </select>
  )
}

/** A search box with its own clear button; `label` is read out, not shown. */
export function SearchInput({
  label,
  value,
  onValueChange,
  clearLabel,
  className,
  ref,
  ...props
}: Omit<ComponentProps<'input'>, 'value' | 'onChange'> & {
  label: string
  value: string
  onValueChange: (value: string) => void
  clearLabel: string
  ref?: Ref<HTMLInputElement>
}) {
  return (
    <div className={cn('relative', className)}>
      <Search className="pointer-events-none absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-muted" aria-hidden />
      <Input
        ref={ref}
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={(event) => onValueChange(event.target.value)}
        className="px-8 [&::-webkit-search-cancel-button]:hidden"
        {...props}
      />
      {value ? (
        <button
          type="button"
          aria-label={clearLabel}
          onClick={() => onValueChange('')}
          className="absolute top-1 right-1 grid size-6 place-items-center rounded-sm text-muted hover:bg-hover"
        >
          <X className="size-3.5" aria-hidden />
        </button>
      ) : null}
    </div>
  )
}
