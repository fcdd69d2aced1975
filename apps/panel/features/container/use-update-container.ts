'use client'
import type { ContainerInspect, ContainerUpdate } from '@gantry/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import { updateText } from './docker-run.ts'

/** Changes a container's limits and restart policy. */
export function useUpdateContainer(container: ContainerInspect) {
  const client = useTRPCClient()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const t = useTranslations('container')
  return useMutation({
    mutationFn: (update: ContainerUpdate) =>
      client.container.update.mutate({ projectId: container.projectId, container: container.id, update }),
    onSuccess({ warnings }, update) {
      notify.done(t('done.update', { name: container.name }), updateText(update, container))
      for (const warning of warnings) notify.warn(warning)
    },
    onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
  })
}
