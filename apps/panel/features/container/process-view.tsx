'use client'
import { type ContainerInspect, can } from '@gantry/contracts'
import { EmptyState } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { ListTree } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { DataList } from '@/lib/data-list.tsx'
import { useTRPC } from '@/lib/trpc.ts'

/** What runs inside now. */
export function ProcessView({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const running = can('kill', container.state.status)
  const top = useQuery(
    trpc.container.top.queryOptions(
      { projectId: container.projectId, container: container.id },
      { enabled: running, refetchInterval: 3000 },
    ),
  )
  if (!running)
    return (
      <EmptyState icon={<ListTree />} title={t('detail.notRunning')}>
        {t('detail.notRunningHint')}
      </EmptyState>
    )
  const titles = top.data?.titles ?? []
  return (
    <DataList<readonly string[]>
      scope="process"
      label={t('processes.label', { name: container.name })}
      searchLabel={t('processes.search')}
      query={{ ...top, data: top.data?.processes }}
      rowKey={(row) => row.join(' ')}
      text={(row) => row.join(' ')}
      sortedBy="pid"
      empty={null}
      columns={titles.map((title, index) => ({
        id: title.toLowerCase(),
        header: title,
        sort: (row) => row[index] ?? '',
        cell: (row) => row[index],
        className: 'font-mono text-xs',
      }))}
    />
  )
}
