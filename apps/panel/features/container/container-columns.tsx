'use client'
import type { PanelContainer } from '@gantry/contracts'
import { Meter, Sparkline } from '@gantry/ui'
import { createColumnHelper } from '@tanstack/react-table'
import Link from 'next/link'
import { useMemo } from 'react'
import { useTranslations } from 'use-intl'
import type { RowRates } from '@/features/stats/row-rates.ts'
import { formatBytes, formatPercent, shortId } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'
import { portText } from './port-text.ts'
import { ContainerStatusText } from './status.tsx'

/** A container and what is measured of it now. */
export type ContainerRow = PanelContainer & { live: RowRates | undefined }
const column = createColumnHelper<ContainerRow>()

const statusOrder = ['running', 'restarting', 'paused', 'created', 'exited', 'dead', 'removing']

export function useContainerColumns() {
  const t = useTranslations('container.column')
  return useMemo(
    () => [
      column.accessor('name', { header: t('name'), cell: ({ row }) => <NameCell row={row.original} />, sortingFn: 'alphanumeric' }),
      column.accessor((row) => statusOrder.indexOf(row.state.status), {
        id: 'status',
        header: t('status'),
        cell: ({ row }) => <ContainerStatusText state={row.original.state} />,
      }),
      column.accessor('image', {
        header: t('image'),
        cell: ({ getValue }) => (
          <span className="block max-w-56 truncate font-mono text-xs" title={getValue()}>
            {getValue()}
          </span>
        ),
      }),
      column.accessor((row) => row.live?.cpus ?? -1, {
        id: 'cpu',
        header: t('cpu'),
        cell: ({ row }) => <CpuCell live={row.original.live} />,
      }),
      column.accessor((row) => row.live?.memoryBytes ?? -1, {
        id: 'memory',
        header: t('memory'),
        cell: ({ row }) => <MemoryCell live={row.original.live} />,
      }),
      column.accessor((row) => row.live?.pids ?? -1, { id: 'pids', header: t('pids'), cell: ({ row }) => row.original.live?.pids ?? '–' }),
      column.accessor((row) => row.ports[0]?.hostPort ?? 0, {
        id: 'ports',
        header: t('ports'),
        cell: ({ row }) => <PortsCell row={row.original} />,
      }),
      column.accessor((row) => row.networks.join(', '), {
        id: 'networks',
        header: t('networks'),
        cell: ({ getValue }) => <span className="block max-w-40 truncate">{getValue() || '–'}</span>,
      }),
      column.accessor('createdAt', { id: 'created', header: t('created'), cell: ({ getValue }) => <Ago time={getValue()} /> }),
      column.accessor((row) => row.createdBy ?? '', {
        id: 'createdBy',
        header: t('createdBy'),
        cell: ({ getValue }) => <span className="block max-w-40 truncate">{getValue() || '–'}</span>,
      }),
      column.accessor('projectId', { id: 'project', header: t('project') }),
    ],
    [t],
  )
}

function NameCell({ row }: { row: ContainerRow }) {
  return (
    <div className="min-w-0">
      <Link
        href={`/containers/${row.id}?project=${row.projectId}`}
        className="block max-w-64 truncate font-medium underline-offset-4 hover:underline max-sm:max-w-32"
        tabIndex={-1}
      >
        {row.name}
      </Link>
      <span className="block truncate font-mono text-[11px] text-muted max-sm:max-w-32">
        {shortId(row.id)}
        <span className="sm:hidden"> · {row.image}</span>
      </span>
    </div>
  )
}

function CpuCell({ live }: { live: RowRates | undefined }) {
  if (!live) return <span className="text-muted">–</span>
  return (
    <span className="flex items-center gap-2">
      <span className="tabular w-14 text-right">{formatPercent(live.cpus)}</span>
      <Sparkline values={live.cpuHistory} max={0.1} className="w-12" />
    </span>
  )
}

function MemoryCell({ live }: { live: RowRates | undefined }) {
  const t = useTranslations('container.column')
  if (!live) return <span className="text-muted">–</span>
  const { memoryBytes, memoryLimitBytes } = live
  if (memoryLimitBytes <= 0) return <span className="tabular">{formatBytes(memoryBytes)}</span>
  return (
    <div className="w-36">
      <Meter
        compact
        label={t('memory')}
        used={memoryBytes}
        limit={memoryLimitBytes}
        text={`${formatBytes(memoryBytes)} / ${formatBytes(memoryLimitBytes)}`}
        hideLabel
      />
    </div>
  )
}

function PortsCell({ row }: { row: ContainerRow }) {
  const texts = [...new Set(row.ports.map(portText))]
  return (
    <span className="block max-w-44 truncate font-mono text-xs" title={texts.join('\n')}>
      {texts.slice(0, 2).join(', ') || '–'}
      {texts.length > 2 ? ` +${texts.length - 2}` : ''}
    </span>
  )
}
