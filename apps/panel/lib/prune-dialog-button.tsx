'use client'
import { Button, CheckboxLabel, ConfirmDialog } from '@gantry/ui'
import { Eraser } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'

/** "Remove unused …": asks, offers "also those with a name", and does it. */
export function PruneDialogButton(props: {
  label: string
  title: string
  body: string
  allLabel: string
  all: boolean
  onAll: (all: boolean) => void
  refusal: string | undefined
  pending: boolean
  run: (close: () => void) => void
}) {
  const t = useTranslations('common')
  const [asking, setAsking] = useState(false)
  return (
    <>
      <Button disabled={props.refusal !== undefined} title={props.refusal} onClick={() => setAsking(true)}>
        <Eraser aria-hidden />
        {props.label}
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={props.title}
        confirmLabel={t('remove')}
        cancelLabel={t('cancel')}
        pending={props.pending}
        onConfirm={() => props.run(() => setAsking(false))}
      >
        <p className="mb-2">{props.body}</p>
        <CheckboxLabel checked={props.all} onChange={(event) => props.onAll(event.target.checked)}>
          {props.allLabel}
        </CheckboxLabel>
      </ConfirmDialog>
    </>
  )
}
