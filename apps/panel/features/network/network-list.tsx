'use client'
import type { NetworkInspect } from '@gantry/contracts'
import { Badge, Button, EmptyState, PageHeader } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Network, Plus } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { useProject } from '@/features/shell/project-context.tsx'
import { DataList } from '@/lib/data-list.tsx'
import { Ago } from '@/lib/time.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { useOpenDialog } from '@/lib/use-open-dialog.ts'
import { CreateNetworkDialog } from './create-network-dialog.tsx'
import { NetworkRowMenu } from './network-row-menu.tsx'

export function NetworkList() {
  const t = useTranslations()
  const trpc = useTRPC()
  const project = useProject()
  const refusal = useRefusal(project.id, 'developer')
  const dialog = useOpenDialog(['new'])
  const query = useQuery(trpc.network.list.queryOptions({ projectId: project.id }))
  return (
    <>
      <PageHeader
        title={t('network.title')}
        eyebrow={project.name}
        actions={
          <Button variant="primary" disabled={refusal !== undefined} title={refusal} onClick={() => dialog.show('new')}>
            <Plus aria-hidden />
            {t('network.new')}
          </Button>
        }
      />
      <DataList<NetworkInspect>
        label={t('network.title')}
        searchLabel={t('network.search')}
        query={query}
        rowKey={(row) => row.id}
        filters={[
          {
            id: 'use',
            label: t('common.filterUse'),
            options: [
              { value: 'used', label: t('common.inUse'), test: (row) => row.containers.length > 0 },
              { value: 'unused', label: t('common.notInUse'), test: (row) => row.containers.length === 0 },
            ],
          },
          {
            id: 'kind',
            label: t('common.kind'),
            options: [
              { value: 'own', label: t('network.own'), test: (row) => !row.builtin },
              { value: 'builtin', label: t('network.builtin'), test: (row) => row.builtin },
              { value: 'internal', label: t('network.internal'), test: (row) => row.spec.internal },
            ],
          },
        ]}
        text={(row) => `${row.spec.name} ${row.bridge} ${row.containers.map((entry) => entry.containerName).join(' ')}`}
        empty={
          <EmptyState icon={<Network />} title={t('network.emptyTitle')}>
            {t('network.emptyHint')}
          </EmptyState>
        }
        columns={[
          {
            id: 'name',
            header: t('common.name'),
            sort: (row) => row.spec.name,
            cell: (row) => (
              <span className="flex flex-wrap items-center gap-2">
                <span className="font-medium">{row.spec.name}</span>
                {row.builtin ? <Badge>{t('network.builtin')}</Badge> : null}
              </span>
            ),
          },
          {
            id: 'subnet',
            header: t('network.subnet'),
            sort: (row) => row.spec.ipam[0]?.subnet ?? '',
            cell: (row) => <span className="font-mono text-xs">{row.spec.ipam.map((entry) => entry.subnet).join(', ') || '–'}</span>,
          },
          { id: 'flags', header: t('network.flags'), cell: (row) => <Flags network={row} />, className: 'max-md:hidden' },
          {
            id: 'bridge',
            header: t('network.bridge'),
            cell: (row) => <span className="font-mono text-xs">{row.bridge}</span>,
            className: 'max-lg:hidden',
          },
          {
            id: 'containers',
            header: t('network.containers'),
            sort: (row) => row.containers.length,
            cell: (row) => row.containers.length,
            className: 'tabular',
          },
          {
            id: 'created',
            header: t('common.created'),
            sort: (row) => row.createdAt,
            cell: (row) => <Ago time={row.createdAt} />,
            className: 'max-md:hidden',
          },
          {
            id: 'menu',
            header: t('common.actions'),
            cell: (row) => <NetworkRowMenu network={row} refusal={refusal} />,
            className: 'w-10 text-right',
          },
        ]}
      />
      {dialog.open === 'new' && refusal === undefined ? <CreateNetworkDialog projectId={project.id} onClose={dialog.close} /> : null}
    </>
  )
}

function Flags({ network }: { network: NetworkInspect }) {
  const t = useTranslations('network')
  const { internal, icc, ipv6 } = network.spec
  return (
    <span className="flex flex-wrap gap-1">
      {internal ? <Badge tone="warn">{t('internal')}</Badge> : null}
      {icc ? null : <Badge tone="warn">icc=false</Badge>}
      {ipv6 ? <Badge>{t('ipv6')}</Badge> : null}
    </span>
  )
}
