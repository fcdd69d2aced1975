'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Badge, Card, EmptyState, LoadingRows, SearchInput, Table, Td, Th, Tr } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { FileDiff } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { searchBox } from '@/features/shell/use-shortcuts.ts'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC } from '@/lib/trpc.ts'

const tones = { added: 'ok', modified: 'warn', deleted: 'bad' } as const
const shownAtMost = 1000

/** Files that the container added, changed or deleted against its image. */
export function DiffView({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const [query, setQuery] = useState('')
  const diff = useQuery(trpc.container.diff.queryOptions({ projectId: container.projectId, container: container.id }))
  if (diff.error && !diff.data) return <ErrorNotice error={diff.error} onRetry={() => diff.refetch()} />
  if (!diff.data) return <LoadingRows label={t('common.loading')} />
  if (diff.data.length === 0)
    return (
      <EmptyState icon={<FileDiff />} title={t('files.empty')}>
        {t('files.emptyHint')}
      </EmptyState>
    )
  const found = diff.data.filter((change) => change.path.toLowerCase().includes(query.toLowerCase()))
  return (
    <Card>
      <div className="flex items-center gap-3 border-b p-2">
        <SearchInput
          {...searchBox}
          label={t('files.search')}
          clearLabel={t('common.clear')}
          value={query}
          onValueChange={setQuery}
          className="w-full sm:max-w-72"
        />
        <span className="tabular text-muted text-xs">{t('common.resultsCount', { count: found.length })}</span>
      </div>
      <Table label={t('detail.files')}>
        <thead>
          <tr>
            <Th className="w-28">{t('files.kind')}</Th>
            <Th>{t('files.path')}</Th>
          </tr>
        </thead>
        <tbody>
          {found.slice(0, shownAtMost).map((change) => (
            <Tr key={change.path}>
              <Td>
                <Badge tone={tones[change.kind]}>{t(`files.${change.kind}`)}</Badge>
              </Td>
              <Td className="break-all font-mono text-xs">{change.path}</Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  )
}
