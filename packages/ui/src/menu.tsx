'use client'
import { Check } from 'lucide-react'
import { DropdownMenu as Radix } from 'radix-ui'
import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

const item =
  'flex min-h-7 cursor-default select-none items-center gap-2 rounded-sm px-2 text-[13px] outline-none data-[disabled]:opacity-50 data-[highlighted]:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-muted'

/** `trigger` must be one focusable element. */
export function Menu({ trigger, children, align = 'end' }: { trigger: ReactNode; children: ReactNode; align?: 'start' | 'end' }) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-44 max-w-80 animate-[gantry-in_100ms_ease-out] overflow-y-auto rounded-md border bg-raised p-1 shadow-pop"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** `reason` says why a disabled item is disabled. */
export function MenuItem({
  className,
  danger,
  reason,
  children,
  ...props
}: ComponentProps<typeof Radix.Item> & { danger?: boolean; reason?: string | undefined }) {
  return (
    <Radix.Item className={cn(item, danger && 'text-bad [&_svg]:text-bad', className)} title={reason} {...props}>
      {children}
    </Radix.Item>
  )
}

export function MenuCheckboxItem({ className, children, ...props }: ComponentProps<typeof Radix.CheckboxItem>) {
  return (
    <Radix.CheckboxItem className={cn(item, 'pl-7', className)} {...props}>
      <Radix.ItemIndicator className="-ml-5 mr-1">
        <Check aria-hidden />
      </Radix.ItemIndicator>
      {children}
    </Radix.CheckboxItem>
  )
}

export function MenuRadioGroup(props: ComponentProps<typeof Radix.RadioGroup>) {
  return <Radix.RadioGroup {...props} />
}

export function MenuRadioItem({ className, children, ...props }: ComponentProps<typeof Radix.RadioItem>) {
  return (
    <Radix.RadioItem className={cn(item, 'pl-7', className)} {...props}>
      <Radix.ItemIndicator className="-ml-5 mr-1">
        <Check aria-hidden />
      </Radix.ItemIndicator>
      {children}
    </Radix.RadioItem>
  )
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="eyebrow px-2 pt-1.5 pb-1">{children}</Radix.Label>
}
export function MenuSeparator() {
  return <Radix.Separator className="my-1 h-px bg-line" />
}
