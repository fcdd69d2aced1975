'use client'
import { can } from '@gantry/contracts'
import { IconButton, Menu, MenuItem, MenuSeparator } from '@gantry/ui'
import { Ellipsis, Pencil, SquareTerminal } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import type { ContainerRow } from './container-columns.tsx'
import { RemoveDialog } from './remove-dialog.tsx'
import { RenameDialog } from './rename-dialog.tsx'
import { useContainerVerb } from './use-container-verb.ts'
import { useRefusal } from './use-role.ts'
import { mayApply, simpleVerbs, verbIcon } from './verbs.ts'

/** Everything that can be done to one container of the list; what cannot be done now says why. */
export function RowMenu({ container }: { container: ContainerRow }) {
  const t = useTranslations('container')
  const router = useRouter()
  const apply = useContainerVerb()
  const refusal = useRefusal(container.projectId, 'developer')
  const [dialog, setDialog] = useState<'remove' | 'rename' | null>(null)
  const status = container.state.status
  const closed = (open: boolean) => !open && setDialog(null)
  const reason = (possible: boolean) => refusal ?? (possible ? undefined : t('notInStatus', { status: t(`status.${status}`) }))
  return (
    <>
      <Menu
        trigger={
          <IconButton label={t('rowMenu', { name: container.name })} size="icon-sm">
            <Ellipsis aria-hidden />
          </IconButton>
        }
      >
        <MenuItem
          disabled={reason(can('exec', status)) !== undefined}
          reason={reason(can('exec', status))}
          onSelect={() => router.push(`/containers/${container.id}?project=${container.projectId}&tab=terminal`)}
        >
          <SquareTerminal aria-hidden />
          {t('openTerminal')}
        </MenuItem>
        <MenuSeparator />
        {simpleVerbs
          .filter((verb) => verb !== 'remove')
          .map((verb) => {
            const Icon = verbIcon[verb]
            const why = reason(mayApply(verb, status))
            return (
              <MenuItem key={verb} disabled={why !== undefined} reason={why} onSelect={() => apply.mutate({ verb, target: container })}>
                <Icon aria-hidden />
                {t(`verb.${verb}`)}
              </MenuItem>
            )
          })}
        <MenuItem
          disabled={reason(can('rename', status)) !== undefined}
          reason={reason(can('rename', status))}
          onSelect={() => setDialog('rename')}
        >
          <Pencil aria-hidden />
          {t('verb.rename')}
        </MenuItem>
        <MenuSeparator />
        <MenuItem danger disabled={refusal !== undefined} reason={refusal} onSelect={() => setDialog('remove')}>
          <verbIcon.remove aria-hidden />
          {t('verb.remove')}
        </MenuItem>
      </Menu>
      {dialog === 'remove' ? <RemoveDialog target={container} running={can('kill', status)} onOpenChange={closed} /> : null}
      {dialog === 'rename' ? <RenameDialog target={container} onOpenChange={closed} /> : null}
    </>
  )
}
