'use client'
import { useCallback } from 'react'
import type { FieldErrors, Resolver } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { type CreateValues, issuesOf } from './create-values.ts'

/** Checks the form with the engine's own schema and puts each issue at its field. */
export function useCreateResolver(): Resolver<CreateValues> {
  const t = useTranslations('create')
  return useCallback(
    async (values) => {
      const issues = issuesOf(values)
      if (issues.length === 0) return { values, errors: {} }
      const errors = {}
      for (const issue of issues)
        setPath(errors, issue.field.split('.'), { type: 'validate', message: 'message' in issue ? issue.message : t(issue.issue) })
      return { values: {}, errors: errors as FieldErrors<CreateValues> }
    },
    [t],
  )
}

function setPath(target: Record<string, unknown>, path: readonly string[], value: object): void {
  const [first = '', ...rest] = path
  if (rest.length === 0) target[first] = value
  else {
    target[first] ??= {}
    setPath(target[first] as Record<string, unknown>, rest, value)
  }
}
