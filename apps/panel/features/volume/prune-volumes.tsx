'use client'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { formatBytes } from '@/lib/format.ts'
import { PruneDialogButton } from '@/lib/prune-dialog-button.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

export function PruneVolumes({ projectId }: { projectId: string }) {
  const t = useTranslations('volume')
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [all, setAll] = useState(false)
  const prune = useAct({
    run: client.volume.prune.mutate,
    done: (pruned) => ({
      title: t('pruned', { count: pruned.removed.length, bytes: formatBytes(pruned.reclaimedBytes) }),
      command: `docker volume.prune -f${all ? ' -a' : ''}`,
    }),
    changes: [trpc.volume.pathFilter(), trpc.project.usage.pathFilter()],
  })
  return (
    <PruneDialogButton
      label={t('prune')}
      title={t('pruneTitle')}
      body={t('pruneBody')}
      allLabel={t('pruneAll')}
      all={all}
      onAll={setAll}
      refusal={useRefusal(projectId, 'developer')}
      run={(close) => prune.mutate({ projectId, all }, { onSettled: close })}
      pending={prune.isPending}
    />
  )
}
