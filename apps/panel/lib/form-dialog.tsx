'use client'
import { Button, Dialog } from '@gantry/ui'
import type { ReactNode } from 'react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from './error-notice.tsx'

/** A short form in a dialog: its fields, what went wrong, cancel and submit. */
export function FormDialog(props: {
  title: string
  description?: ReactNode
  submitLabel: string
  pending: boolean
  disabled?: boolean
  error?: unknown
  onSubmit: () => void
  onClose: () => void
  children: ReactNode
}) {
  const t = useTranslations('common')
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && props.onClose()}
      title={props.title}
      description={props.description}
      closeLabel={t('close')}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (!props.disabled) props.onSubmit()
        }}
        className="flex flex-col gap-4"
      >
        {props.children}
        {props.error ? <ErrorNotice error={props.error} /> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={props.onClose}>{t('cancel')}</Button>
          <Button type="submit" variant="primary" pending={props.pending} disabled={props.disabled}>
            {props.submitLabel}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
