'use client'
import type { DashboardOverview, HostInfo } from '@gantry/contracts'
import { Card, CardBody, CardHeader, ErrorState, LoadingRows, Meter, PageHeader, Stat } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useTranslations } from 'use-intl'
import { NewContainerButton } from '@/features/container/new-container-button.tsx'
import { LiveChart } from '@/features/stats/live-chart.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatBytes, formatDuration, formatPercent } from '@/lib/format.ts'
import { useTRPC } from '@/lib/trpc.ts'
import { ProjectUsageGrid } from './project-usage-grid.tsx'
import { RecentEvents } from './recent-events.tsx'
import { StatusCounts } from './status-counts.tsx'
import { useHostHistory } from './use-host-history.ts'

/** The host and the user's projects at a glance, live. */
export function Dashboard() {
  const t = useTranslations()
  const trpc = useTRPC()
  const overview = useQuery(trpc.dashboard.overview.queryOptions(undefined, { refetchInterval: 15_000 }))
  const { points, sample } = useHostHistory()
  const data = overview.data
  const host = sample?.host ?? data?.host ?? null
  const times = useMemo(() => points.map((point) => point.timeS), [points])
  return (
    <>
      <PageHeader title={t('dashboard.title')} actions={<NewContainerButton variant="primary" className="lg:hidden" />} />
      {overview.error && !data ? <ErrorNotice error={overview.error} onRetry={() => overview.refetch()} /> : null}
      {overview.isPending ? <LoadingRows label={t('common.loading')} /> : null}
      {data ? (
        <div className="flex flex-col gap-4">
          {host ? (
            <HostFigures host={host} busy={points.at(-1)?.busy} />
          ) : (
            <ErrorState title={t('dashboard.agentDown')} remedy={t('live.agentAway')} />
          )}
          <div className="grid gap-4 lg:grid-cols-2">
            <Card aria-label={t('dashboard.hostCpu')}>
              <CardHeader title={t('dashboard.hostCpu')} />
              <CardBody>
                <LiveChart
                  label={t('dashboard.hostCpu')}
                  times={times}
                  format={formatPercent}
                  windowSeconds={300}
                  atLeast={0.2}
                  series={[{ label: t('stats.used'), colour: '--chart-1', values: points.map((point) => point.busy), fill: true }]}
                />
              </CardBody>
            </Card>
            <Card aria-label={t('dashboard.hostMemory')}>
              <CardHeader title={t('dashboard.hostMemory')} />
              <CardBody>
                <LiveChart
                  label={t('dashboard.hostMemory')}
                  times={times}
                  format={formatBytes}
                  binary
                  windowSeconds={300}
                  atLeast={host?.memoryBytes ?? 0}
                  series={[
                    { label: t('stats.used'), colour: '--chart-2', values: points.map((point) => point.memoryBytes), fill: true },
                    { label: t('host.memory'), colour: '--chart-5', values: points.map(() => host?.memoryBytes ?? null), dashed: true },
                  ]}
                />
              </CardBody>
            </Card>
          </div>
          <ProjectUsageGrid projects={data.projects} points={points} />
          <Lower data={data} />
        </div>
      ) : null}
    </>
  )
}

function Lower({ data }: { data: DashboardOverview }) {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <StatusCounts counts={data.containers} />
      <RecentEvents />
    </div>
  )
}

function HostFigures({ host, busy }: { host: HostInfo; busy: number | undefined }) {
  const t = useTranslations('dashboard')
  return (
    <Card aria-label={t('host')}>
      <CardBody className="grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3 lg:grid-cols-6">
        <Stat label={t('host')} value={host.hostname} hint={`${host.os} · ${host.kernel}`} />
        <Stat label={t('hostCpu')} value={busy === undefined ? '–' : formatPercent(busy)} hint={t('cpus', { count: host.cpus })} />
        <Stat
          label={t('load')}
          value={host.loadAverage[0]?.toFixed(2) ?? '–'}
          hint={host.loadAverage
            .slice(1)
            .map((value) => value.toFixed(2))
            .join('  ')}
        />
        <Stat
          label={t('running')}
          value={host.containersRunning}
          hint={t('of', { used: `${host.containersRunning}`, total: `${host.containers}` })}
        />
        <div className="min-w-0">
          <Meter
            label={t('disk')}
            used={host.dataUsedBytes}
            limit={host.dataBytes}
            text={formatPercent(host.dataBytes > 0 ? host.dataUsedBytes / host.dataBytes : 0)}
            hint={t('of', { used: formatBytes(host.dataUsedBytes), total: formatBytes(host.dataBytes) })}
          />
        </div>
        <Stat label={t('uptime')} value={formatDuration(host.uptimeSeconds)} />
      </CardBody>
    </Card>
  )
}
