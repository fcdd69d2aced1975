'use client'
import { Button, ConfirmDialog } from '@gantry/ui'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Eraser } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { formatBytes } from '@/lib/format.ts'
import { useTRPC } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import { useRefusal } from './use-role.ts'

export function PruneButton({ projectId }: { projectId: string }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const refusal = useRefusal(projectId, 'developer')
  const [asking, setAsking] = useState(false)
  const prune = useMutation(
    trpc.container.prune.mutationOptions({
      onSuccess({ removed, reclaimedBytes }) {
        setAsking(false)
        notify.done(t('container.pruned', { count: removed.length, bytes: formatBytes(reclaimedBytes) }), 'docker container prune -f')
      },
      onError: (error) => notify.failed(error),
      onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
    }),
  )
  return (
    <>
      <Button onClick={() => setAsking(true)} disabled={refusal !== undefined} title={refusal} className="max-sm:hidden">
        <Eraser aria-hidden />
        {t('container.prune')}
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={t('container.pruneTitle')}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={prune.isPending}
        onConfirm={() => prune.mutate({ projectId })}
      >
        {t('container.removeBody')}
      </ConfirmDialog>
    </>
  )
}
