'use client'
import { imageRefSchema, SYSTEM_PROJECT } from '@gantry/contracts'
import { ConfirmDialog, Field, IconButton, Input, Menu, MenuItem, MenuSeparator } from '@gantry/ui'
import { Ellipsis, Info, Play, Tag, Trash2, Upload } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { shortId } from '@/lib/format.ts'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { ImageDetails } from './image-details.tsx'
import type { ImageRow } from './image-list.tsx'

export function ImageRowMenu({ image, projectId }: { image: ImageRow; projectId: string }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const router = useRouter()
  const refusal = useRefusal(projectId, 'developer')
  const [dialog, setDialog] = useState<'remove' | 'tag' | 'details' | null>(null)
  const reference = image.tag ?? image.id
  const name = image.tag ?? shortId(image.id)
  const builtin = image.projectId === SYSTEM_PROJECT
  const changes = [trpc.image.pathFilter(), trpc.project.usage.pathFilter()]
  const remove = useAct({
    run: client.image.remove.mutate,
    done: () => ({ title: t('image.removed', { name }), command: `docker rmi ${name}` }),
    changes,
  })
  const push = useAct({
    run: client.image.push.mutate,
    done: () => ({ title: t('image.pushTitle', { name }), command: `docker push ${name}` }),
    changes,
  })
  return (
    <>
      <Menu
        trigger={
          <IconButton size="icon-sm" label={t('image.memberOf', { name })}>
            <Ellipsis aria-hidden />
          </IconButton>
        }
      >
        <MenuItem
          disabled={refusal !== undefined}
          reason={refusal}
          onSelect={() => router.push(`/containers/new?image=${encodeURIComponent(reference)}`)}
        >
          <Play aria-hidden />
          {t('image.run')}
        </MenuItem>
        <MenuItem onSelect={() => setDialog('details')}>
          <Info aria-hidden />
          {t('image.details')}
        </MenuItem>
        <MenuItem disabled={refusal !== undefined} reason={refusal} onSelect={() => setDialog('tag')}>
          <Tag aria-hidden />
          {t('image.addTag')}
        </MenuItem>
        <MenuItem
          disabled={refusal !== undefined || image.tag === null}
          reason={refusal}
          onSelect={() => push.mutate({ projectId, reference })}
        >
          <Upload aria-hidden />
          {t('image.push')}
        </MenuItem>
        <MenuSeparator />
        <MenuItem
          danger
          disabled={refusal !== undefined || builtin}
          reason={refusal ?? (builtin ? t('image.builtin') : undefined)}
          onSelect={() => setDialog('remove')}
        >
          <Trash2 aria-hidden />
          {t('common.remove')}
        </MenuItem>
      </Menu>
      <ConfirmDialog
        open={dialog === 'remove'}
        onOpenChange={(open) => !open && setDialog(null)}
        title={t('image.removeTitle', { name })}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={remove.isPending}
        onConfirm={() => remove.mutate({ projectId, image: reference }, { onSettled: () => setDialog(null) })}
      >
        {t('image.removeBody')}
      </ConfirmDialog>
      {dialog === 'tag' ? <TagDialog image={reference} name={name} projectId={projectId} onClose={() => setDialog(null)} /> : null}
      {dialog === 'details' ? <ImageDetails image={reference} name={name} projectId={projectId} onClose={() => setDialog(null)} /> : null}
    </>
  )
}

function TagDialog({ image, name, projectId, onClose }: { image: string; name: string; projectId: string; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [reference, setReference] = useState('')
  const issue = reference === '' ? undefined : imageRefSchema.safeParse(reference).error?.issues[0]?.message
  const tag = useAct({
    run: client.image.tag.mutate,
    done: (made) => ({ title: t('image.tagged', { name: made.reference }), command: `docker tag ${name} ${made.reference}` }),
    changes: [trpc.image.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('image.tagTitle', { name })}
      submitLabel={t('image.addTag')}
      pending={tag.isPending}
      disabled={reference === '' || issue !== undefined}
      error={tag.error}
      onClose={onClose}
      onSubmit={() => tag.mutate({ projectId, image, reference }, { onSuccess: onClose })}
    >
      <Field label={t('image.newTag')} error={issue}>
        <Input
          value={reference}
          onChange={(event) => setReference(event.target.value)}
          autoFocus
          className="font-mono"
          spellCheck={false}
        />
      </Field>
    </FormDialog>
  )
}
