'use client'
import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'
import { useReturnFocus } from './use-return-focus.tsx'

const overlay = 'fixed inset-0 z-40 bg-black/45 animate-[gantry-in_120ms_ease-out]'

export type DialogProps = {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  description?: ReactNode
  closeLabel: string
  children: ReactNode
  wide?: boolean
}

/** A modal box in the middle; on a phone it sits at the bottom edge. Focus is trapped and given back. */
export function Dialog({ open, onOpenChange, title, description, closeLabel, children, wide }: DialogProps) {
  const returnFocus = useReturnFocus(open)
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={overlay} />
        <Radix.Content
          onCloseAutoFocus={returnFocus}
          className={cn(
            '-translate-x-1/2 fixed top-[8vh] left-1/2 z-50 flex max-h-[84vh] w-[calc(100vw-24px)] animate-[gantry-in_140ms_ease-out] flex-col rounded-lg border bg-raised shadow-pop max-sm:top-auto max-sm:bottom-3',
            wide ? 'max-w-3xl' : 'max-w-lg',
          )}
          {...(description ? {} : { 'aria-describedby': undefined })}
        >
          <header className="flex items-start gap-3 border-b px-4 py-3">
            <div className="min-w-0 flex-1">
              <Radix.Title className="font-semibold text-[15px]">{title}</Radix.Title>
              {description ? <Radix.Description className="mt-0.5 text-[13px] text-muted">{description}</Radix.Description> : null}
            </div>
            <Radix.Close
              aria-label={closeLabel}
              className="-mr-1 grid size-7 shrink-0 place-items-center rounded-md text-muted hover:bg-hover"
            >
              <X className="size-4" aria-hidden />
            </Radix.Close>
          </header>
          <div className="min-h-0 overflow-y-auto p-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** A drawer from the left edge: the navigation on small screens. */
export function Drawer({ open, onOpenChange, title, closeLabel, children }: Omit<DialogProps, 'description' | 'wide'>) {
  const returnFocus = useReturnFocus(open)
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={overlay} />
        <Radix.Content
          onCloseAutoFocus={returnFocus}
          aria-describedby={undefined}
          className="fixed inset-y-0 left-0 z-50 flex w-72 max-w-[88vw] animate-[gantry-slide_160ms_ease-out] flex-col border-r bg-surface shadow-pop"
        >
          <Radix.Title className="sr-only">{title}</Radix.Title>
          <Radix.Close
            aria-label={closeLabel}
            className="absolute top-3 right-3 grid size-8 place-items-center rounded-md text-muted hover:bg-hover"
          >
            <X className="size-4" aria-hidden />
          </Radix.Close>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
