'use client'
import type { VolumeInspect } from '@gantry/contracts'
import { Badge, Button, ConfirmDialog, EmptyState, IconButton, PageHeader } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { HardDrive, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { useProject } from '@/features/shell/project-context.tsx'
import { DataList } from '@/lib/data-list.tsx'
import { formatBytes } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { useOpenDialog } from '@/lib/use-open-dialog.ts'
import { CreateVolumeDialog } from './create-volume-dialog.tsx'
import { PruneVolumes } from './prune-volumes.tsx'

export function VolumeList() {
  const t = useTranslations()
  const trpc = useTRPC()
  const project = useProject()
  const refusal = useRefusal(project.id, 'developer')
  const dialog = useOpenDialog(['new'])
  const query = useQuery(trpc.volume.list.queryOptions({ projectId: project.id, size: true }))
  return (
    <>
      <PageHeader
        title={t('volume.title')}
        eyebrow={project.name}
        actions={
          <>
            <PruneVolumes projectId={project.id} />
            <Button variant="primary" disabled={refusal !== undefined} title={refusal} onClick={() => dialog.show('new')}>
              <Plus aria-hidden />
              {t('volume.new')}
            </Button>
          </>
        }
      />
      <DataList<VolumeInspect>
        label={t('volume.title')}
        searchLabel={t('volume.search')}
        query={query}
        rowKey={(row) => row.name}
        filters={[
          {
            id: 'use',
            label: t('common.filterUse'),
            options: [
              { value: 'used', label: t('common.inUse'), test: (row) => row.usedBy.length > 0 },
              { value: 'unused', label: t('common.notInUse'), test: (row) => row.usedBy.length === 0 },
            ],
          },
          {
            id: 'kind',
            label: t('common.kind'),
            options: [
              { value: 'named', label: t('volume.named'), test: (row) => !row.anonymous },
              { value: 'anonymous', label: t('volume.anonymous'), test: (row) => row.anonymous },
            ],
          },
        ]}
        text={(row) => `${row.name} ${row.usedBy.join(' ')}`}
        empty={
          <EmptyState icon={<HardDrive />} title={t('volume.emptyTitle')}>
            {t('volume.emptyHint')}
          </EmptyState>
        }
        columns={[
          {
            id: 'name',
            header: t('common.name'),
            sort: (row) => row.name,
            cell: (row) => (
              <span className="flex items-center gap-2">
                <span className={row.anonymous ? 'max-w-40 truncate font-mono text-xs' : 'font-medium'} title={row.name}>
                  {row.anonymous ? row.name.slice(0, 12) : row.name}
                </span>
                {row.anonymous ? <Badge>{t('volume.anonymous')}</Badge> : null}
              </span>
            ),
          },
          {
            id: 'size',
            header: t('common.size'),
            sort: (row) => row.sizeBytes ?? 0,
            cell: (row) => (row.sizeBytes === undefined ? '–' : formatBytes(row.sizeBytes)),
            className: 'tabular',
          },
          {
            id: 'used',
            header: t('volume.usedBy'),
            sort: (row) => row.usedBy.length,
            cell: (row) => row.usedBy.join(', ') || <span className="text-muted">{t('volume.unused')}</span>,
            className: 'max-sm:hidden',
          },
          {
            id: 'created',
            header: t('common.created'),
            sort: (row) => row.createdAt,
            cell: (row) => <Ago time={row.createdAt} />,
            className: 'max-md:hidden',
          },
          {
            id: 'remove',
            header: t('common.actions'),
            cell: (row) => <RemoveVolume volume={row} refusal={refusal} />,
            className: 'w-10 text-right',
          },
        ]}
      />
      {dialog.open === 'new' && refusal === undefined ? <CreateVolumeDialog projectId={project.id} onClose={dialog.close} /> : null}
    </>
  )
}

function RemoveVolume({ volume, refusal }: { volume: VolumeInspect; refusal: string | undefined }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [asking, setAsking] = useState(false)
  const why = refusal ?? (volume.usedBy.length > 0 ? t('volume.inUse') : undefined)
  const name = volume.anonymous ? volume.name.slice(0, 12) : volume.name
  const remove = useAct({
    run: client.volume.remove.mutate,
    done: () => ({ title: t('volume.removed', { name }), command: `docker volume rm ${volume.name}` }),
    changes: [trpc.volume.pathFilter(), trpc.project.usage.pathFilter()],
  })
  return (
    <>
      <span title={why}>
        <IconButton size="icon-sm" label={`${t('common.remove')}: ${name}`} disabled={why !== undefined} onClick={() => setAsking(true)}>
          <Trash2 aria-hidden />
        </IconButton>
      </span>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={t('volume.removeTitle', { name })}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={remove.isPending}
        typed={{ word: name, label: t.rich('common.typeToConfirm', { word: name, b: (text) => <b className="text-fg">{text}</b> }) }}
        onConfirm={() => remove.mutate({ projectId: volume.projectId, volume: volume.name }, { onSettled: () => setAsking(false) })}
      >
        {t('volume.removeBody')}
      </ConfirmDialog>
    </>
  )
}
