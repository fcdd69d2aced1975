'use client'
import type { NetworkInspect } from '@gantry/contracts'
import { ConfirmDialog, IconButton, Menu, MenuItem, MenuSeparator } from '@gantry/ui'
import { Ellipsis, List, Plug, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { ConnectDialog } from './connect-dialog.tsx'
import { NetworkDetails } from './network-details.tsx'

export function NetworkRowMenu({ network, refusal }: { network: NetworkInspect; refusal: string | undefined }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [dialog, setDialog] = useState<'remove' | 'connect' | 'details' | null>(null)
  const name = network.spec.name
  const noRemove =
    refusal ?? (network.builtin ? t('network.builtinReason') : network.containers.length > 0 ? t('network.inUse') : undefined)
  const remove = useAct({
    run: client.network.remove.mutate,
    done: () => ({ title: t('network.removed', { name }), command: `docker network rm ${name}` }),
    changes: [trpc.network.pathFilter()],
  })
  return (
    <>
      <Menu
        trigger={
          <IconButton size="icon-sm" label={`${t('common.actions')}: ${name}`}>
            <Ellipsis aria-hidden />
          </IconButton>
        }
      >
        <MenuItem onSelect={() => setDialog('details')}>
          <List aria-hidden />
          {t('network.containers')}
        </MenuItem>
        <MenuItem disabled={refusal !== undefined} reason={refusal} onSelect={() => setDialog('connect')}>
          <Plug aria-hidden />
          {t('network.connect')}
        </MenuItem>
        <MenuSeparator />
        <MenuItem danger disabled={noRemove !== undefined} reason={noRemove} onSelect={() => setDialog('remove')}>
          <Trash2 aria-hidden />
          {t('common.remove')}
        </MenuItem>
      </Menu>
      <ConfirmDialog
        open={dialog === 'remove'}
        onOpenChange={(open) => !open && setDialog(null)}
        title={t('network.removeTitle', { name })}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={remove.isPending}
        onConfirm={() => remove.mutate({ projectId: network.projectId, network: network.id }, { onSettled: () => setDialog(null) })}
      >
        {t('network.removeBody')}
      </ConfirmDialog>
      {dialog === 'connect' ? <ConnectDialog network={network} onClose={() => setDialog(null)} /> : null}
      {dialog === 'details' ? <NetworkDetails network={network} refusal={refusal} onClose={() => setDialog(null)} /> : null}
    </>
  )
}
