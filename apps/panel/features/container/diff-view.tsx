'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Badge, EmptyState } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { FileDiff } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { DataList } from '@/lib/data-list.tsx'
import { type RouterOutputs, useTRPC } from '@/lib/trpc.ts'

type Change = RouterOutputs['container']['diff'][number]

const tones = { added: 'ok', modified: 'warn', deleted: 'bad' } as const
const kinds = ['added', 'modified', 'deleted'] as const

/** Files that the container added, changed or deleted against its image. */
export function DiffView({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const diff = useQuery(trpc.container.diff.queryOptions({ projectId: container.projectId, container: container.id }))
  return (
    <DataList<Change>
      scope="file"
      label={t('detail.files')}
      searchLabel={t('files.search')}
      query={diff}
      rowKey={(row) => row.path}
      text={(row) => row.path}
      sortedBy="path"
      filters={[
        {
          id: 'kind',
          label: t('files.kind'),
          options: kinds.map((kind) => ({ value: kind, label: t(`files.${kind}`), test: (row) => row.kind === kind })),
        },
      ]}
      empty={
        <EmptyState icon={<FileDiff />} title={t('files.empty')}>
          {t('files.emptyHint')}
        </EmptyState>
      }
      columns={[
        {
          id: 'kind',
          header: t('files.kind'),
          sort: (row) => row.kind,
          cell: (row) => <Badge tone={tones[row.kind]}>{t(`files.${row.kind}`)}</Badge>,
          className: 'w-28',
        },
        {
          id: 'path',
          header: t('files.path'),
          sort: (row) => row.path,
          cell: (row) => row.path,
          className: 'break-all font-mono text-xs',
        },
      ]}
    />
  )
}
