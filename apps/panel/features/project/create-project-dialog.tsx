'use client'
import { displayNameSchema, projectIdSchema } from '@gantry/contracts'
import { Field, Input } from '@gantry/ui'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { wireError } from '@/lib/errors.ts'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { useErrorText } from '@/lib/use-error-text.ts'
import { LimitInputs } from './limit-fields.tsx'
import { limitTexts, readLimits } from './limit-text.ts'

export function CreateProjectDialog({ onClose }: { onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const router = useRouter()
  const [name, setName] = useState('')
  const [ownId, setOwnId] = useState<string | null>(null)
  const [texts, setTexts] = useState(limitTexts({}))
  const id = ownId ?? idFromName(name)
  const read = readLimits(texts)
  const create = useAct({
    run: client.project.create.mutate,
    done: (made) => ({ title: t('project.created', { name: made.name }) }),
    changes: [trpc.project.pathFilter(), trpc.dashboard.pathFilter()],
    tellError: false,
  })
  const nameIssue = name === '' ? undefined : displayNameSchema.safeParse(name).error?.issues[0]?.message
  const idIssue = id === '' ? undefined : projectIdSchema.safeParse(id).error?.issues[0]?.message
  const text = useErrorText()
  const refused = create.error ? wireError(create.error) : null
  return (
    <FormDialog
      title={t('project.new')}
      submitLabel={t('common.create')}
      pending={create.isPending}
      disabled={!name.trim() || !id || nameIssue !== undefined || idIssue !== undefined || !read.ok}
      error={create.error}
      onClose={onClose}
      onSubmit={() => {
        if (read.ok)
          create.mutate(
            { id, name, limits: read.limits },
            {
              // Closing would write this page's address, and might do so after the next one is there.
              onSuccess: (made) => router.push(`/projects/${made.id}`),
            },
          )
      }}
    >
      <Field label={t('project.name')} error={nameIssue}>
        <Input value={name} onChange={(event) => setName(event.target.value)} autoFocus />
      </Field>
      <Field
        label={t('project.id')}
        description={t('project.idHint')}
        error={idIssue ?? (refused?.detail.field === 'id' ? text(create.error).title : undefined)}
      >
        <Input value={id} onChange={(event) => setOwnId(event.target.value)} className="font-mono" spellCheck={false} />
      </Field>
      <fieldset>
        <legend className="font-medium text-[13px]">{t('project.limits')}</legend>
        <p className="mb-2 text-muted text-xs">{t('project.limitsHint')}</p>
        <LimitInputs values={texts} errors={read.ok ? {} : read.errors} onChange={setTexts} />
      </fieldset>
    </FormDialog>
  )
}

/** A suggestion: what of the name may be in an id. */
const idFromName = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
