'use client'
import { imageRefSchema } from '@gantry/contracts'
import { CheckboxLabel, Field, Input } from '@gantry/ui'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { PasswordInput } from '@/features/auth/password-input.tsx'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

/** Starts a pull; how it goes is shown above the list, also after a reload. */
export function PullDialog({ projectId, onClose }: { projectId: string; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [reference, setReference] = useState('')
  const [withAuth, setWithAuth] = useState(false)
  const [auth, setAuth] = useState({ username: '', password: '' })
  const issue = reference === '' ? undefined : imageRefSchema.safeParse(reference).error?.issues[0]?.message
  const pull = useAct({
    run: client.image.pull.mutate,
    done: () => ({ title: `${t('image.pull')}: ${reference}`, command: `docker pull ${reference}` }),
    changes: [trpc.image.transfers.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('image.pullTitle')}
      submitLabel={t('image.pull')}
      pending={pull.isPending}
      disabled={reference === '' || issue !== undefined}
      error={pull.error}
      onClose={onClose}
      onSubmit={() => pull.mutate({ projectId, reference, ...(withAuth ? { auth } : {}) }, { onSuccess: onClose })}
    >
      <Field label={t('image.reference')} description={t('image.referenceHint')} error={issue}>
        <Input
          value={reference}
          onChange={(event) => setReference(event.target.value)}
          autoFocus
          className="font-mono"
          spellCheck={false}
          autoComplete="off"
        />
      </Field>
      <CheckboxLabel checked={withAuth} onChange={(event) => setWithAuth(event.target.checked)}>
        {t('image.auth')}
      </CheckboxLabel>
      {withAuth ? (
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label={t('image.username')}>
            <Input
              value={auth.username}
              autoComplete="off"
              className="h-10"
              onChange={(event) => setAuth({ ...auth, username: event.target.value })}
            />
          </Field>
          <Field label={t('image.password')}>
            <PasswordInput
              value={auth.password}
              autoComplete="off"
              onChange={(event) => setAuth({ ...auth, password: event.target.value })}
            />
          </Field>
        </div>
      ) : null}
    </FormDialog>
  )
}
