'use client'
import { Switch as RadixSwitch } from 'radix-ui'
import { type ComponentProps, useEffect, useId, useRef } from 'react'
import { cn } from './cn.ts'

/** A real checkbox; `indeterminate` is for "some of them". The 24 px target is the label or the padding around it. */
export function Checkbox({ className, indeterminate = false, ...props }: ComponentProps<'input'> & { indeterminate?: boolean }) {
  const ref = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (ref.current) ref.current.indeterminate = indeterminate
  }, [indeterminate])
  return (
    <span className="inline-grid size-6 shrink-0 place-items-center">
      <input ref={ref} type="checkbox" className={cn('size-4 accent-accent', className)} {...props} />
    </span>
  )
}

export function CheckboxLabel({ children, hint, ...props }: ComponentProps<typeof Checkbox> & { hint?: string }) {
  const id = useId()
  return (
    <div className="flex items-start gap-1.5 text-[13px]">
      <Checkbox {...props} id={id} />
      <label htmlFor={id} className="pt-0.5">
        {children}
        {hint ? <span className="block text-muted text-xs">{hint}</span> : null}
      </label>
    </div>
  )
}

export function Switch({ className, ...props }: ComponentProps<typeof RadixSwitch.Root>) {
  return (
    <RadixSwitch.Root
      className={cn(
        'inline-flex h-6 w-10 shrink-0 items-center rounded-full border border-line-strong bg-sunken px-0.5 transition-colors disabled:opacity-50 data-[state=checked]:border-accent data-[state=checked]:bg-accent',
        className,
      )}
      {...props}
    >
      <RadixSwitch.Thumb className="block size-4 rounded-full bg-line-strong transition-transform data-[state=checked]:translate-x-4.5 data-[state=checked]:bg-accent-fg" />
    </RadixSwitch.Root>
  )
}
