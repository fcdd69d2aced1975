'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Path, UseFormReturn } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { wireError } from '@/lib/errors.ts'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useNotify } from '@/lib/use-notify.tsx'
import { type CreateValues, formField, toSpec } from './create-values.ts'

/** Creates and, if wanted, starts. A refusal that names a field is shown at that field. Resolves to what was made. */
export function useCreateContainer(projectId: string, form: UseFormReturn<CreateValues>) {
  const client = useTRPCClient()
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const notify = useNotify()
  const t = useTranslations()
  return useMutation({
    mutationFn: async ({ values, start }: { values: CreateValues; start: boolean }) => {
      const spec = toSpec(values)
      const made = await client.container.create.mutate({ projectId, spec, start })
      // it exists even when its start failed: its page shows why and offers the next try
      if (made.startError !== null) notify.failed(new Error(made.startError), t('create.startFailed', { name: made.name }))
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
        form.setError(formField(field) as Path<CreateValues>, { type: 'server', message: wireError(error).message }, { shouldFocus: true })
    },
    onSettled: () => queryClient.invalidateQueries(trpc.container.pathFilter()),
  })
}
