'use client'
import { Badge, Button, Card, EmptyState, LoadingRows, PageHeader, Switch } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import type { RowSelectionState } from '@tanstack/react-table'
import { Boxes } from 'lucide-react'
import { useId, useMemo, useState } from 'react'
import { useTranslations } from 'use-intl'
import { useProject } from '@/features/shell/project-context.tsx'
import { useLiveRates } from '@/features/stats/use-live-rates.ts'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { NewContainerButton } from './new-container-button.tsx'
import { BulkBar } from './bulk-bar.tsx'
import { ContainerTable } from './container-table.tsx'
import { FilterBar } from './filter-bar.tsx'
import { filterContainers } from './list-filter.ts'
import { PruneButton } from './prune-button.tsx'
import { useListState } from './use-list-state.ts'

export function ContainerList() {
  const t = useTranslations()
  const trpc = useTRPC()
  const project = useProject()
  const state = useListState()
  const { filter, setFilter } = state
  const projectId = filter.all ? undefined : project.id
  const list = useQuery(trpc.container.list.queryOptions(projectId ? { projectId } : {}))
  const live = useLiveRates(projectId)
  const [selection, setSelection] = useState<RowSelectionState>({})
  const containers = useMemo(() => list.data ?? [], [list.data])
  const images = useMemo(() => [...new Set(containers.map((container) => container.image))].sort(), [containers])
  const rows = useMemo(
    () => filterContainers(containers, filter).map((container) => ({ ...container, live: live.get(container.id) })),
    [containers, filter, live],
  )
  const columns = useMemo(
    () => (filter.all && !filter.columns.includes('project') ? [...filter.columns, 'project' as const] : filter.columns),
    [filter.all, filter.columns],
  )
  const selected = rows.filter((row) => selection[row.id])
  return (
    <>
      <PageHeader
        title={t('container.title')}
        eyebrow={filter.all ? t('container.allProjects') : project.name}
        actions={
          <>
            <AllSwitch checked={filter.all} onChange={(all) => setFilter({ all })} />
            <PruneButton projectId={project.id} />
            <NewContainerButton variant="primary" />
          </>
        }
      />
      <Card>
        <div className="border-b p-3">
          <FilterBar state={state} images={images} />
        </div>
        {list.error && !list.data ? <ErrorNotice error={list.error} onRetry={() => list.refetch()} className="m-3" /> : null}
        {list.isPending ? <LoadingRows label={t('common.loading')} /> : null}
        {list.data && rows.length > 0 ? (
          <ContainerTable
            rows={rows}
            label={t('container.list', { project: filter.all ? t('container.allProjects') : project.name })}
            sort={filter.sort}
            onSort={(sort) => setFilter({ sort })}
            columns={columns}
            selection={selection}
            onSelection={setSelection}
          />
        ) : null}
        {list.data && rows.length === 0 ? <NothingListed filtered={state.filtered} onReset={state.reset} /> : null}
        {list.data ? (
          <footer className="flex items-center gap-2 border-t px-3 py-2 text-muted text-xs" aria-live="polite">
            <Badge>{t('container.count', { shown: rows.length, total: containers.length })}</Badge>
          </footer>
        ) : null}
      </Card>
      <BulkBar selected={selected} onClear={() => setSelection({})} />
    </>
  )
}

function AllSwitch({ checked, onChange }: { checked: boolean; onChange: (all: boolean) => void }) {
  const t = useTranslations('container')
  const id = useId()
  return (
    <span className="flex items-center gap-2 text-[13px] text-muted">
      <label htmlFor={id}>{t('allProjects')}</label>
      <Switch id={id} checked={checked} onCheckedChange={onChange} />
    </span>
  )
}

function NothingListed({ filtered, onReset }: { filtered: boolean; onReset: () => void }) {
  const t = useTranslations()
  if (filtered)
    return (
      <EmptyState title={t('common.nothingFound')} action={<Button onClick={onReset}>{t('common.clearFilters')}</Button>}>
        {t('common.nothingFoundHint')}
      </EmptyState>
    )
  return (
    <EmptyState icon={<Boxes />} title={t('container.emptyTitle')} action={<NewContainerButton variant="primary" />}>
      {t('container.emptyHint')}
    </EmptyState>
  )
}
