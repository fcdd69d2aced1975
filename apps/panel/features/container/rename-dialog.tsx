'use client'
import { containerNameSchema } from '@gantry/contracts'
import { Button, Dialog, Field, Input } from '@gantry/ui'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useTRPC } from '@/lib/trpc.ts'
import { useErrorText } from '@/lib/use-error-text.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import type { ContainerTarget } from './use-container-verb.ts'

export function RenameDialog({ target, onOpenChange }: { target: ContainerTarget; onOpenChange: (open: boolean) => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const text = useErrorText()
  const [name, setName] = useState(target.name)
  const rename = useMutation(
    trpc.container.rename.mutationOptions({
      async onSuccess() {
        notify.done(t('container.done.rename', { name }), `docker rename ${target.name} ${name}`)
        onOpenChange(false)
        await queryClient.invalidateQueries(trpc.container.pathFilter())
      },
    }),
  )
  const issue = containerNameSchema.safeParse(name).error?.issues[0]?.message
  return (
    <Dialog open onOpenChange={onOpenChange} title={t('container.renameTitle', { name: target.name })} closeLabel={t('common.close')}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!issue) rename.mutate({ projectId: target.projectId, container: target.id, name })
        }}
      >
        <Field label={t('container.newName')} error={issue ?? (rename.error ? text(rename.error).title : undefined)}>
          <Input value={name} onChange={(event) => setName(event.target.value)} autoFocus spellCheck={false} autoComplete="off" />
        </Field>
        <div className="mt-4 flex justify-end gap-2">
          <Button onClick={() => onOpenChange(false)}>{t('common.cancel')}</Button>
          <Button type="submit" variant="primary" disabled={issue !== undefined || name === target.name} pending={rename.isPending}>
            {t('container.verb.rename')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
