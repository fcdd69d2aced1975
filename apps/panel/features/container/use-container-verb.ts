'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import { type SimpleVerb, verbCommand } from './verbs.ts'

export type ContainerTarget = { id: string; name: string; projectId: string }

/** Applies one verb to one container, says what was done, and refreshes what shows it. */
export function useContainerVerb() {
  const client = useTRPCClient()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const t = useTranslations('container')
  return useMutation({
    mutationFn: async ({ verb, target }: { verb: SimpleVerb; target: ContainerTarget }) => {
      const input = { projectId: target.projectId, container: target.id }
      if (verb === 'remove') await client.container.remove.mutate({ ...input, force: true, volumes: true })
      else await client.container[verb].mutate(input)
    },
    onSuccess: (_, { verb, target }) => notify.done(t(`done.${verb}`, { name: target.name }), verbCommand(verb, [target.name])),
    onError: (error, { verb, target }) => notify.failed(error, `${t(`verb.${verb}`)}: ${target.name}`),
    onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
  })
}
