'use client'
import { type QueryFilters, useMutation, useQueryClient } from '@tanstack/react-query'
import { useNotify } from './use-notify.tsx'

type Act<I, O> = {
  run: (input: I) => Promise<O>
  /** what to say when it worked, and the same as a command */
  done: (output: O, input: I) => { title: string; command?: string }
  /** what shows it and is to be loaded again */
  changes: readonly QueryFilters[]
  /** false: the caller shows the error itself */
  tellError?: boolean
}

/** One action: pending state, a word about its outcome, and fresh data after it. */
export function useAct<I, O>({ run, done, changes, tellError = true }: Act<I, O>) {
  const queryClient = useQueryClient()
  const notify = useNotify()
  return useMutation({
    mutationFn: run,
    onSuccess(output, input) {
      const { title, command } = done(output, input)
      notify.done(title, command)
    },
    onError(error) {
      if (tellError) notify.failed(error)
    },
    onSettled: () => Promise.all(changes.map((filter) => queryClient.invalidateQueries(filter))),
  })
}
