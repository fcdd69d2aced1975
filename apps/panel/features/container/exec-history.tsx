'use client'
import type { ContainerInspect, ExecInspect } from '@gantry/contracts'
import { Card, EmptyState, LoadingRows, StatusDot, Table, Td, Th, Tr } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatDuration } from '@/lib/format.ts'
import { quoteWords } from '@/lib/shell-words.ts'
import { Ago } from '@/lib/time.tsx'
import { useTRPC } from '@/lib/trpc.ts'

/** Commands that run or ran inside, newest first. */
export function ExecHistory({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const execs = useQuery(trpc.container.execs.queryOptions({ projectId: container.projectId, container: container.id }))
  if (execs.error && !execs.data) return <ErrorNotice error={execs.error} onRetry={() => execs.refetch()} />
  if (!execs.data) return <LoadingRows label={t('common.loading')} />
  if (execs.data.length === 0)
    return (
      <EmptyState icon={<History />} title={t('exec.empty')}>
        {t('exec.emptyHint')}
      </EmptyState>
    )
  return (
    <Card>
      <Table label={t('detail.execs')}>
        <thead>
          <tr>
            <Th>{t('exec.command')}</Th>
            <Th>{t('exec.state')}</Th>
            <Th>{t('exec.user')}</Th>
            <Th>{t('exec.started')}</Th>
            <Th>{t('exec.took')}</Th>
          </tr>
        </thead>
        <tbody>
          {execs.data.map((exec) => (
            <Tr key={exec.id}>
              <Td className="max-w-96 break-all font-mono text-xs">{quoteWords(exec.spec.command)}</Td>
              <Td>
                <ExecState exec={exec} />
              </Td>
              <Td>{exec.spec.user || '–'}</Td>
              <Td>
                <Ago time={exec.startedAt} />
              </Td>
              <Td className="tabular">{took(exec)}</Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Card>
  )
}

function ExecState({ exec }: { exec: ExecInspect }) {
  const t = useTranslations('exec')
  if (exec.running)
    return (
      <StatusDot tone="ok" shape="disc">
        {t('running')}
      </StatusDot>
    )
  return (
    <StatusDot tone={exec.exitCode === 0 ? 'neutral' : 'bad'} shape="square">
      {t('exit', { code: exec.exitCode ?? '?' })}
    </StatusDot>
  )
}

function took(exec: ExecInspect): string {
  const seconds = (Date.parse(exec.finishedAt) - Date.parse(exec.startedAt)) / 1000
  if (!Number.isFinite(seconds)) return '–'
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : formatDuration(seconds)
}
