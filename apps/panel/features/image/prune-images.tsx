'use client'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { formatBytes } from '@/lib/format.ts'
import { PruneDialogButton } from '@/lib/prune-dialog-button.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

export function PruneImages({ projectId }: { projectId: string }) {
  const t = useTranslations('image')
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [all, setAll] = useState(false)
  const prune = useAct({
    run: client.image.prune.mutate,
    done: (pruned) => ({
      title: t('pruned', { bytes: formatBytes(pruned.reclaimedBytes) }),
      command: `docker image prune -f${all ? ' -a' : ''}`,
    }),
    changes: [trpc.image.pathFilter(), trpc.project.usage.pathFilter()],
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
