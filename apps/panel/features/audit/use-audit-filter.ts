'use client'
import type { AuditFilter } from '@gantry/contracts'
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'
import { useMemo } from 'react'

const parsers = {
  text: parseAsString.withDefault(''),
  actorId: parseAsString.withDefault(''),
  verb: parseAsString.withDefault(''),
  outcome: parseAsStringLiteral(['success', 'denied', 'failed']),
  /** not `project`, which is the page's own */
  inProject: parseAsString.withDefault(''),
  from: parseAsString.withDefault(''),
  to: parseAsString.withDefault(''),
}

/** The audit page's filters in the address, and the request they mean. Days are the reader's own. */
export function useAuditFilter() {
  const [filter, setFilter] = useQueryStates(parsers, { throttleMs: 300 })
  const query = useMemo(() => toQuery(filter), [filter])
  const reset = () => setFilter({ text: null, actorId: null, verb: null, outcome: null, inProject: null, from: null, to: null })
  return { filter, setFilter, query, filtered: Object.keys(query).length > 0, reset }
}
export type AuditFilterState = ReturnType<typeof useAuditFilter>

function toQuery(filter: { [K in keyof typeof parsers]: string | null }): AuditFilter {
  const day = (text: string | null, time: string) => {
    const date = new Date(`${text}T${time}`)
    return text && !Number.isNaN(date.getTime()) ? date.toISOString() : undefined
  }
  const values = {
    text: filter.text?.trim(),
    actorId: filter.actorId,
    verb: filter.verb,
    outcome: filter.outcome,
    projectId: filter.inProject,
    from: day(filter.from, '00:00:00'),
    to: day(filter.to, '23:59:59.999'),
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as AuditFilter
}
