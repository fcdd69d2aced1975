'use client'
import { containerNameSchema, type Project, type Role, roles } from '@gantry/contracts'
import { Button, CopyButton, Dialog, Field, Input, Select } from '@gantry/ui'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { tokenConfig, tokenShell } from './token-use.ts'

const lives = [30, 90, 365] as const
const dayMs = 86_400_000

/** Makes a token, then shows it, once, with what to write to use it. */
export function CreateTokenDialog({ project, onClose }: { project: Project; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('developer')
  const [days, setDays] = useState('90')
  const issue = name === '' ? undefined : containerNameSchema.safeParse(name).error?.issues[0]?.message
  const create = useAct({
    run: client.project.tokens.create.mutate,
    done: ({ created }) => ({ title: t('token.created', { name: created.name }) }),
    changes: [trpc.project.tokens.pathFilter()],
    tellError: false,
  })
  if (create.data) return <MadeToken name={create.data.created.name} token={create.data.token} project={project} onClose={onClose} />
  const expires = days === '' ? {} : { expiresAt: new Date(Date.now() + Number(days) * dayMs).toISOString() }
  return (
    <FormDialog
      title={t('token.new')}
      description={t('token.hint')}
      submitLabel={t('common.create')}
      pending={create.isPending}
      disabled={name === '' || issue !== undefined}
      error={create.error}
      onClose={onClose}
      onSubmit={() => create.mutate({ projectId: project.id, name, role, ...expires })}
    >
      <Field label={t('token.name')} description={t('token.nameHint')} error={issue}>
        <Input value={name} onChange={(event) => setName(event.target.value)} autoFocus autoComplete="off" spellCheck={false} />
      </Field>
      <div className="grid grid-cols-2 gap-3">
        <Field label={t('token.role')}>
          <Select value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {roles.map((each) => (
              <option key={each} value={each}>
                {t(`role.${each}`)}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t('token.expires')}>
          <Select value={days} onChange={(event) => setDays(event.target.value)}>
            {lives.map((count) => (
              <option key={count} value={count}>
                {t('token.days', { count })}
              </option>
            ))}
            <option value="">{t('token.never')}</option>
          </Select>
        </Field>
      </div>
    </FormDialog>
  )
}

function MadeToken({ name, token, project, onClose }: { name: string; token: string; project: Project; onClose: () => void }) {
  const t = useTranslations()
  const parts = [
    [t('token.value'), token],
    [t('token.config'), tokenConfig(token)],
    [t('token.shell'), tokenShell(project.id)],
  ] as const
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => !open && onClose()}
      title={t('token.onceTitle', { name })}
      description={t('token.once')}
      closeLabel={t('common.close')}
    >
      <div className="flex flex-col gap-4">
        {parts.map(([label, text]) => (
          <section key={label} aria-label={label}>
            <div className="flex items-center justify-between">
              <h3 className="font-medium text-[13px]">{label}</h3>
              <CopyButton text={text} label={`${t('common.copy')}: ${label}`} doneLabel={t('common.copied')} />
            </div>
            <pre className="mt-1 whitespace-pre-wrap break-all rounded-md border bg-sunken p-2 font-mono text-xs">{text}</pre>
          </section>
        ))}
        <Button variant="primary" className="self-end" onClick={onClose}>
          {t('token.done')}
        </Button>
      </div>
    </Dialog>
  )
}
