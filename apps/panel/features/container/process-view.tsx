'use client'
import { type ContainerInspect, can } from '@gantry/contracts'
import { Card, EmptyState, LoadingRows, Table, Td, Th, Tr } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { ListTree } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
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
  if (top.error && !top.data) return <ErrorNotice error={top.error} onRetry={() => top.refetch()} />
  if (!top.data) return <LoadingRows label={t('common.loading')} />
  return (
    <Card>
      <Table label={t('processes.label', { name: container.name })}>
        <thead>
          <tr>
            {top.data.titles.map((title) => (
              <Th key={title}>{title}</Th>
            ))}
          </tr>
        </thead>
        <tbody>
          {top.data.processes.map((process) => (
            <Tr key={process.join(' ')}>
              {process.map((cell, index) => (
                <Td key={index.toString()} className="font-mono text-xs">
                  {cell}
                </Td>
              ))}
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  )
}
