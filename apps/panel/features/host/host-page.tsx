'use client'
import type { DoctorCheck, HostInfo } from '@gantry/contracts'
import { Card, CardBody, CardHeader, EmptyState, Facts, LoadingRows, Meter, PageHeader, StatusDot } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Server } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { DataList } from '@/lib/data-list.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatBytes, formatDuration } from '@/lib/format.ts'
import { useTRPC } from '@/lib/trpc.ts'

const looks = {
  ok: { tone: 'ok', shape: 'disc' },
  fallback: { tone: 'warn', shape: 'bars' },
  missing: { tone: 'bad', shape: 'triangle' },
} as const

/** The machine: what it is, and what its kernel can do for containers. */
export function HostPage() {
  const t = useTranslations()
  const trpc = useTRPC()
  const user = useSession()
  const info = useQuery(trpc.host.info.queryOptions(undefined, { refetchInterval: 10_000 }))
  const doctor = useQuery(trpc.host.doctor.queryOptions(undefined, { enabled: user.hostAdmin }))
  if (!user.hostAdmin) return <EmptyState icon={<Server />} title={t('common.hostAdminOnly')} />
  return (
    <>
      <PageHeader title={t('host.title')} description={info.data?.hostname} />
      {info.error && !info.data ? <ErrorNotice error={info.error} onRetry={() => info.refetch()} /> : null}
      {info.isPending ? <LoadingRows label={t('common.loading')} /> : null}
      {info.data ? <HostFacts host={info.data} /> : null}
      <h2 className="mt-6 mb-2 font-semibold text-[15px]">{t('host.doctor')}</h2>
      <DataList<DoctorCheck>
        label={t('host.doctor')}
        searchLabel={t('host.search')}
        query={doctor}
        rowKey={(row) => `${row.group}${row.name}`}
        text={(row) => `${row.group} ${row.name} ${row.found} ${row.status}`}
        filters={[
          {
            id: 'status',
            label: t('common.status'),
            options: (['ok', 'fallback', 'missing'] as const).map((status) => ({
              value: status,
              label: t(`host.${status}`),
              test: (row) => row.status === status,
            })),
          },
        ]}
        sortedBy="group"
        empty={null}
        columns={[
          {
            id: 'group',
            header: t('host.group'),
            sort: (row) => row.group,
            cell: (row) => <span className="whitespace-nowrap text-muted">{t(`host.groups.${row.group}`)}</span>,
          },
          { id: 'name', header: t('host.check'), sort: (row) => row.name, cell: (row) => <span className="font-medium">{row.name}</span> },
          {
            id: 'status',
            header: t('common.status'),
            sort: (row) => ['missing', 'fallback', 'ok'].indexOf(row.status),
            cell: (row) => <StatusDot {...looks[row.status]}>{t(`host.${row.status}`)}</StatusDot>,
          },
          {
            id: 'found',
            header: t('host.found'),
            cell: (row) => <span className="break-words">{row.found}</span>,
            className: 'max-sm:hidden',
          },
          { id: 'consequence', header: t('host.consequence'), cell: (row) => row.consequence || '–', className: 'max-md:hidden' },
        ]}
      />
    </>
  )
}

function HostFacts({ host }: { host: HostInfo }) {
  const t = useTranslations('host')
  const dashboard = useTranslations('dashboard')
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card aria-label={t('info')}>
        <CardHeader title={t('info')} />
        <CardBody>
          <Facts
            items={[
              [t('os'), host.os],
              [
                t('kernel'),
                <span key="k" className="font-mono text-xs">
                  {host.kernel}
                </span>,
              ],
              [t('architecture'), host.architecture],
              [t('cgroup'), host.cgroupVersion],
              [t('storage'), host.storageDriver],
              [t('agent'), host.agentVersion],
              [
                t('instance'),
                <span key="i" className="font-mono text-xs">
                  {host.instanceId}
                </span>,
              ],
              [dashboard('uptime'), formatDuration(host.uptimeSeconds)],
              [dashboard('load'), host.loadAverage.map((value) => value.toFixed(2)).join('  ')],
            ]}
          />
        </CardBody>
      </Card>
      <Card aria-label={dashboard('host')}>
        <CardHeader title={dashboard('host')} />
        <CardBody className="flex flex-col gap-4">
          <Meter
            label={t('memory')}
            used={host.memoryUsedBytes}
            limit={host.memoryBytes}
            text={`${formatBytes(host.memoryUsedBytes)} / ${formatBytes(host.memoryBytes)}`}
          />
          <Meter
            label={t('data')}
            used={host.dataUsedBytes}
            limit={host.dataBytes}
            text={`${formatBytes(host.dataUsedBytes)} / ${formatBytes(host.dataBytes)}`}
          />
          <Facts
            items={[
              [t('cpus'), host.cpus],
              [t('swap'), formatBytes(host.swapBytes)],
              [dashboard('running'), `${host.containersRunning} / ${host.containers}`],
            ]}
          />
        </CardBody>
      </Card>
    </div>
  )
}
