'use client'
import type { ContainerInspect, ExecInspect } from '@gantry/contracts'
import { EmptyState, StatusDot } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { DataList } from '@/lib/data-list.tsx'
import { formatDuration } from '@/lib/format.ts'
import { quoteWords } from '@/lib/shell-words.ts'
import { Ago } from '@/lib/time.tsx'
import { useTRPC } from '@/lib/trpc.ts'

/** Commands that run or ran inside, newest first. */
export function ExecHistory({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const execs = useQuery(trpc.container.execs.queryOptions({ projectId: container.projectId, container: container.id }))
  return (
    <DataList<ExecInspect>
      scope="exec"
      label={t('detail.execs')}
      searchLabel={t('exec.search')}
      query={execs}
      rowKey={(row) => row.id}
      text={(row) => `${quoteWords(row.spec.command)} ${row.spec.user ?? ''}`}
      sortedBy="-started"
      filters={[
        {
          id: 'state',
          label: t('exec.state'),
          options: [
            { value: 'running', label: t('exec.running'), test: (row) => row.running },
            { value: 'ended', label: t('exec.ended'), test: (row) => !row.running && row.exitCode === 0 },
            { value: 'failed', label: t('exec.failed'), test: (row) => !row.running && row.exitCode !== 0 },
          ],
        },
      ]}
      empty={
        <EmptyState icon={<History />} title={t('exec.empty')}>
          {t('exec.emptyHint')}
        </EmptyState>
      }
      columns={[
        {
          id: 'command',
          header: t('exec.command'),
          sort: (row) => quoteWords(row.spec.command),
          cell: (row) => quoteWords(row.spec.command),
          className: 'max-w-96 break-all font-mono text-xs',
        },
        {
          id: 'state',
          header: t('exec.state'),
          sort: (row) => (row.running ? -1 : (row.exitCode ?? 0)),
          cell: (row) => <ExecState exec={row} />,
        },
        { id: 'user', header: t('exec.user'), sort: (row) => row.spec.user ?? '', cell: (row) => row.spec.user || '–' },
        { id: 'started', header: t('exec.started'), sort: (row) => row.startedAt, cell: (row) => <Ago time={row.startedAt} /> },
        { id: 'took', header: t('exec.took'), sort: (row) => seconds(row) ?? -1, cell: took, className: 'tabular' },
      ]}
    />
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

function seconds(exec: ExecInspect): number | undefined {
  const value = (Date.parse(exec.finishedAt) - Date.parse(exec.startedAt)) / 1000
  return Number.isFinite(value) ? value : undefined
}

function took(exec: ExecInspect): string {
  const value = seconds(exec)
  if (value === undefined) return '–'
  return value < 1 ? `${Math.round(value * 1000)} ms` : formatDuration(value)
}
