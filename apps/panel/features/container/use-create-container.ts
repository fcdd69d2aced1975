'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Path, UseFormReturn } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { wireError } from '@/lib/errors.ts'
import { type RouterInputs, useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useErrorText } from '@/lib/use-error-text.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import { type CreateValues, formField, toSpec } from './create-values.ts'
import { isLostAnswer, lookFor, madeSince } from './lost-answer.ts'

/** Creates and, if wanted, starts. A refusal that names a field is shown at that field. Resolves to what was made. */
export function useCreateContainer(projectId: string, form: UseFormReturn<CreateValues>) {
  const client = useTRPCClient()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const text = useErrorText()
  const t = useTranslations()
  return useMutation({
    mutationFn: async ({ values, start }: { values: CreateValues; start: boolean }) => {
      const spec = toSpec(values)
      const made = await createOrFind(client, { projectId, spec, start })
      // it exists even when its start failed: its page shows why and offers the next try
      if (made.startError !== null) notify.problem(t('create.startFailed', { name: made.name }), made.startError)
      else
        notify.done(
          t('container.done.create', { name: made.name }),
          start ? `docker run -d --name ${made.name} …` : `docker create --name ${made.name} …`,
        )
      for (const warning of made.warnings) notify.warn(warning)
      return made
    },
    onError(error) {
      const { field } = wireError(error).detail
      if (field)
        form.setError(formField(field) as Path<CreateValues>, { type: 'server', message: text(error).title }, { shouldFocus: true })
    },
    onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
  })
}

/** Creates; when the answer is lost, looks whether the container was made all the same. */
async function createOrFind(client: ReturnType<typeof useTRPCClient>, input: RouterInputs['container']['create']) {
  // the server's clock may be a little behind this one
  const sinceMs = Date.now() - 2000
  try {
    return await client.container.create.mutate(input)
  } catch (error) {
    if (!isLostAnswer(error)) throw error
    const found = await lookFor(async () =>
      madeSince(await client.container.list.query({ projectId: input.projectId }), input.spec, sinceMs),
    )
    if (!found) throw error
    return { id: found.id, name: found.name, warnings: [], startError: found.state.error || null }
  }
}
