'use client'
import { Button, Input, SearchInput, Select } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { X } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { searchBox } from '@/features/shell/use-shortcuts.ts'
import { useTRPC } from '@/lib/trpc.ts'
import type { AuditFilterState } from './use-audit-filter.ts'

export function AuditFilters({ state }: { state: AuditFilterState }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const facets = useQuery(trpc.audit.facets.queryOptions())
  const { filter, setFilter } = state
  const choice = (
    name: 'actorId' | 'verb' | 'outcome' | 'inProject',
    label: string,
    all: string,
    options: readonly { value: string; text: string }[],
  ) => (
    <Select
      aria-label={label}
      value={filter[name] ?? ''}
      onChange={(event) => setFilter({ [name]: event.target.value || null })}
      className="w-full sm:w-auto sm:max-w-48"
    >
      <option value="">{all}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.text}
        </option>
      ))}
    </Select>
  )
  return (
    <div className="flex flex-wrap items-center gap-2 border-b p-3 max-sm:grid max-sm:grid-cols-2">
      <SearchInput
        {...searchBox}
        label={t('audit.search')}
        clearLabel={t('common.clear')}
        value={filter.text}
        onValueChange={(text) => setFilter({ text })}
        className="min-w-40 flex-1 max-sm:col-span-2 sm:max-w-60"
      />
      {choice(
        'actorId',
        t('audit.actor'),
        t('audit.allActors'),
        (facets.data?.actors ?? []).map((actor) => ({ value: actor.id, text: actor.name })),
      )}
      {choice(
        'verb',
        t('audit.verb'),
        t('audit.allVerbs'),
        (facets.data?.verbs ?? []).map((verb) => ({ value: verb, text: verb })),
      )}
      {choice(
        'outcome',
        t('audit.outcome'),
        t('audit.allOutcomes'),
        (['success', 'denied', 'failed'] as const).map((outcome) => ({ value: outcome, text: t(`audit.${outcome}`) })),
      )}
      {choice(
        'inProject',
        t('audit.project'),
        t('audit.allProjects'),
        (facets.data?.projects ?? []).map((project) => ({ value: project, text: project })),
      )}
      <Input
        type="date"
        aria-label={t('audit.from')}
        value={filter.from}
        onChange={(event) => setFilter({ from: event.target.value })}
        className="w-full sm:w-auto"
      />
      <Input
        type="date"
        aria-label={t('audit.to')}
        value={filter.to}
        onChange={(event) => setFilter({ to: event.target.value })}
        className="w-full sm:w-auto"
      />
      {state.filtered ? (
        <Button variant="ghost" onClick={state.reset}>
          <X aria-hidden />
          {t('common.clearFilters')}
        </Button>
      ) : null}
    </div>
  )
}
