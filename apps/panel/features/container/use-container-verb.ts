'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { wireError } from '@/lib/errors.ts'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import { hasEffect, isLostAnswer, lookFor } from './lost-answer.ts'
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
      try {
        if (verb === 'remove') await client.container.remove.mutate({ ...input, force: true, volumes: true })
        else await client.container[verb].mutate(input)
      } catch (error) {
        if (!isLostAnswer(error)) throw error
        const done = await lookFor(async () => hasEffect(verb, await statusOf(client, input)) || undefined)
        if (!done) throw error
      }
    },
    onSuccess: (_, { verb, target }) => notify.done(t(`done.${verb}`, { name: target.name }), verbCommand(verb, [target.name])),
    onError: (error, { verb, target }) => notify.failed(error, `${t(`verb.${verb}`)}: ${target.name}`),
    onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
  })
}

async function statusOf(client: ReturnType<typeof useTRPCClient>, input: { projectId: string; container: string }) {
  try {
    return (await client.container.get.query(input)).state.status
  } catch (error) {
    if (wireError(error).code === 'not_found') return 'gone'
    throw error
  }
}
