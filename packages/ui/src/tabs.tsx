'use client'
import { Tabs as Radix } from 'radix-ui'
import type { ReactNode } from 'react'

export type TabItem = { value: string; label: ReactNode }

/** Tabs whose chosen value the caller keeps (in the URL). The strip scrolls sideways on small screens. */
export function Tabs({
  value,
  onValueChange,
  items,
  label,
  children,
}: {
  value: string
  onValueChange: (value: string) => void
  items: readonly TabItem[]
  label: string
  children: ReactNode
}) {
  return (
    <Radix.Root value={value} onValueChange={onValueChange} activationMode="manual">
      <Radix.List aria-label={label} className="flex gap-1 overflow-x-auto border-b [scrollbar-width:none]">
        {items.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="-mb-px h-9 shrink-0 border-transparent border-b-2 px-2.5 text-[13px] text-muted -outline-offset-2 hover:text-fg data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-fg"
          >
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {children}
    </Radix.Root>
  )
}

export function TabPanel({ value, children }: { value: string; children: ReactNode }) {
  return (
    <Radix.Content value={value} className="pt-4 focus-visible:outline-offset-4">
      {children}
    </Radix.Content>
  )
}
