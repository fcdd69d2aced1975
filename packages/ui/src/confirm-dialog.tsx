'use client'
import { AlertDialog as Radix } from 'radix-ui'
import { type ReactNode, useId, useState } from 'react'
import { Button } from './button.tsx'
import { Input } from './input.tsx'
import { useReturnFocus } from './use-return-focus.tsx'

export type ConfirmDialogProps = {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  children?: ReactNode
  confirmLabel: string
  cancelLabel: string
  /** The word to type before the button works: for what cannot be taken back. */
  typed?: { word: string; label: ReactNode }
  danger?: boolean
  pending?: boolean
  onConfirm: () => void
}

/** Asks before something that cannot be undone. Escape and cancel do nothing; focus starts on cancel. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const returnFocus = useReturnFocus(props.open)
  return (
    <Radix.Root open={props.open} onOpenChange={props.onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Radix.Content
          onCloseAutoFocus={returnFocus}
          className="-translate-x-1/2 fixed top-[16vh] left-1/2 z-50 max-h-[76vh] w-[calc(100vw-24px)] max-w-md animate-[gantry-in_140ms_ease-out] overflow-y-auto rounded-lg border bg-raised p-4 shadow-pop"
        >
          <Radix.Title className="font-semibold text-[15px]">{props.title}</Radix.Title>
          <Radix.Description asChild>
            <div className="mt-2 text-[13px] text-muted">{props.children}</div>
          </Radix.Description>
          <ConfirmForm {...props} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

function ConfirmForm({ typed, danger = true, pending, confirmLabel, cancelLabel, onConfirm }: ConfirmDialogProps) {
  const id = useId()
  const [text, setText] = useState('')
  const ready = !typed || text.trim() === typed.word
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (ready) onConfirm()
      }}
    >
      {typed ? (
        <div className="mt-3">
          <label htmlFor={id} className="mb-1 block text-[13px]">
            {typed.label}
          </label>
          <Input id={id} value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" spellCheck={false} />
        </div>
      ) : null}
      <div className="mt-4 flex flex-wrap justify-end gap-2">
        <Radix.Cancel asChild>
          <Button>{cancelLabel}</Button>
        </Radix.Cancel>
        <Button type="submit" variant={danger ? 'danger' : 'primary'} disabled={!ready} pending={pending}>
          {confirmLabel}
        </Button>
      </div>
    </form>
  )
}
