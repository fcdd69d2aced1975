'use client'
import { volumeNameSchema } from '@gantry/contracts'
import { Field, Input } from '@gantry/ui'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

export function CreateVolumeDialog({ projectId, onClose }: { projectId: string; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [name, setName] = useState('')
  const issue = name === '' ? undefined : volumeNameSchema.safeParse(name).error?.issues[0]?.message
  const create = useAct({
    run: client.volume.create.mutate,
    done: (made) => ({ title: t('volume.created', { name: made.name.slice(0, 40) }), command: `docker volume create ${name}`.trim() }),
    changes: [trpc.volume.pathFilter(), trpc.project.usage.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('volume.new')}
      submitLabel={t('common.create')}
      pending={create.isPending}
      disabled={issue !== undefined}
      error={create.error}
      onClose={onClose}
      onSubmit={() => create.mutate({ projectId, spec: name === '' ? {} : { name } }, { onSuccess: onClose })}
    >
      <Field label={t('common.name')} description={t('volume.nameHint')} error={issue}>
        <Input value={name} onChange={(event) => setName(event.target.value)} autoFocus spellCheck={false} autoComplete="off" />
      </Field>
    </FormDialog>
  )
}
