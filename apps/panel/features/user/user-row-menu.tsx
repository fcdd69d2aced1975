'use client'
import { passwordSchema } from '@gantry/contracts'
import { ConfirmDialog, Field, IconButton, Menu, MenuItem, MenuSeparator } from '@gantry/ui'
import { Ellipsis } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { PasswordInput } from '@/features/auth/password-input.tsx'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import type { UserRow } from './user-list.tsx'

export function UserRowMenu({ user }: { user: UserRow }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [dialog, setDialog] = useState<'disable' | 'password' | null>(null)
  const update = useAct({
    run: client.user.update.mutate,
    done: (changed) => ({ title: t('user.updated', { email: changed.email }) }),
    changes: [trpc.user.pathFilter()],
  })
  return (
    <>
      <Menu
        trigger={
          <IconButton size="icon-sm" label={`${t('common.actions')}: ${user.name}`}>
            <Ellipsis aria-hidden />
          </IconButton>
        }
      >
        <MenuItem onSelect={() => update.mutate({ id: user.id, hostAdmin: !user.hostAdmin })}>
          {user.hostAdmin ? t('user.takeAdmin') : t('user.makeAdmin')}
        </MenuItem>
        <MenuItem onSelect={() => setDialog('password')}>{t('user.resetPassword')}</MenuItem>
        <MenuSeparator />
        {user.disabled ? (
          <MenuItem onSelect={() => update.mutate({ id: user.id, disabled: false })}>{t('user.enable')}</MenuItem>
        ) : (
          <MenuItem danger onSelect={() => setDialog('disable')}>
            {t('user.disable')}
          </MenuItem>
        )}
      </Menu>
      <ConfirmDialog
        open={dialog === 'disable'}
        onOpenChange={(open) => !open && setDialog(null)}
        title={t('user.disableTitle', { email: user.email })}
        confirmLabel={t('user.disable')}
        cancelLabel={t('common.cancel')}
        pending={update.isPending}
        onConfirm={() => update.mutate({ id: user.id, disabled: true }, { onSettled: () => setDialog(null) })}
      >
        {t('user.disableBody')}
      </ConfirmDialog>
      {dialog === 'password' ? <ResetPassword user={user} onClose={() => setDialog(null)} /> : null}
    </>
  )
}

function ResetPassword({ user, onClose }: { user: UserRow; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [password, setPassword] = useState('')
  const issue = password === '' ? undefined : passwordSchema.safeParse(password).error?.issues[0]?.message
  const reset = useAct({
    run: client.user.resetPassword.mutate,
    done: () => ({ title: t('user.resetDone', { email: user.email }) }),
    changes: [trpc.user.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('user.resetTitle', { email: user.email })}
      description={t('user.resetHint')}
      submitLabel={t('user.resetPassword')}
      pending={reset.isPending}
      disabled={password === '' || issue !== undefined}
      error={reset.error}
      onClose={onClose}
      onSubmit={() => reset.mutate({ id: user.id, password }, { onSuccess: onClose })}
    >
      <Field label={t('user.password')} description={t('auth.passwordHint')} error={issue}>
        <PasswordInput autoFocus autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
      </Field>
    </FormDialog>
  )
}
