'use client'
import { Command } from 'cmdk'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { Kbd } from './kbd.tsx'

export type CommandItem = { id: string; label: string; hint?: string | undefined; keys?: string; icon?: ReactNode; run: () => void }
export type CommandGroup = { heading: string; items: readonly CommandItem[] }

/** Type to find and do. Items are matched by their label and hint; choosing one closes the palette. */
export function CommandPalette({
  open,
  onOpenChange,
  label,
  placeholder,
  emptyText,
  groups,
}: {
  open: boolean
  onOpenChange: (open: boolean) => void
  label: string
  placeholder: string
  emptyText: string
  groups: readonly CommandGroup[]
}) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          aria-describedby={undefined}
          className="-translate-x-1/2 fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-24px)] max-w-xl overflow-hidden rounded-lg border bg-raised shadow-pop"
        >
          <Radix.Title className="sr-only">{label}</Radix.Title>
          <Command label={label} loop>
            <Command.Input
              placeholder={placeholder}
              className="h-11 w-full border-b bg-transparent px-4 text-sm outline-none placeholder:text-muted"
            />
            <Command.List className="max-h-[52vh] overflow-y-auto p-1.5">
              <Command.Empty className="p-6 text-center text-[13px] text-muted">{emptyText}</Command.Empty>
              {groups.map((group) => (
                <Command.Group
                  key={group.heading}
                  heading={group.heading}
                  className="[&_[cmdk-group-heading]]:eyebrow [&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1"
                >
                  {group.items.map((item) => (
                    <Command.Item
                      key={item.id}
                      value={`${item.label} ${item.hint ?? ''} ${item.id}`}
                      onSelect={() => {
                        onOpenChange(false)
                        item.run()
                      }}
                      className="flex min-h-8 cursor-default items-center gap-2.5 rounded-md px-2 text-[13px] data-[selected=true]:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-muted"
                    >
                      {item.icon}
                      <span className="truncate">{item.label}</span>
                      {item.hint ? (
                        <span className="min-w-0 flex-1 truncate text-muted text-xs">{item.hint}</span>
                      ) : (
                        <span className="flex-1" />
                      )}
                      {item.keys ? item.keys.split(' ').map((key) => <Kbd key={key}>{key}</Kbd>) : null}
                    </Command.Item>
                  ))}
                </Command.Group>
              ))}
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
