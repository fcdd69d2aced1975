'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import type { ContainerTarget } from './use-container-verb.ts'
import { type SimpleVerb, verbCommand } from './verbs.ts'

/** One verb on many containers in one request; the answer has an outcome for each. */
export function useBulk() {
  const client = useTRPCClient()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const t = useTranslations('container')
  return useMutation({
    mutationFn: ({ verb, targets }: { verb: SimpleVerb; targets: readonly ContainerTarget[] }) =>
      client.container.bulk.mutate({
        verb,
        items: targets.map((target) => ({ projectId: target.projectId, container: target.id })),
        ...(verb === 'remove' ? { force: true, volumes: true } : {}),
      }),
    onSuccess(results, { verb, targets }) {
      const done = results.filter((result) => result.ok).length
      const title = t('bulkTitle', { verb: t(`verb.${verb}`), done, total: results.length })
      const names = targets.slice(0, 6).map((target) => target.name)
      if (done === results.length) notify.done(title, verbCommand(verb, targets.length > 6 ? [...names, '…'] : names))
      else notify.warn(title)
    },
    onError: (error) => notify.failed(error),
    onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
  })
}
