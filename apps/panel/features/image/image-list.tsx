'use client'
import { type ImageSummary, SYSTEM_PROJECT } from '@gantry/contracts'
import { Badge, Button, EmptyState, PageHeader } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Download, Package, Upload } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { useProject } from '@/features/shell/project-context.tsx'
import { DataList } from '@/lib/data-list.tsx'
import { formatBytes, shortId } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { useOpenDialog } from '@/lib/use-open-dialog.ts'
import { ImageRowMenu } from './image-row-menu.tsx'
import { PruneImages } from './prune-images.tsx'
import { PullDialog } from './pull-dialog.tsx'
import { TransferCard } from './transfer-card.tsx'
import { UploadDialog } from './upload-dialog.tsx'

/** One line per tag; an image without a tag has one line too. */
export type ImageRow = ImageSummary & { tag: string | null }

export function ImageList() {
  const t = useTranslations()
  const trpc = useTRPC()
  const project = useProject()
  const refusal = useRefusal(project.id, 'developer')
  const dialog = useOpenDialog(['pull', 'upload'])
  const open = refusal === undefined ? dialog.open : null
  const query = useQuery(trpc.image.list.queryOptions({ projectId: project.id }, { select: byTag }))
  return (
    <>
      <PageHeader
        title={t('image.title')}
        eyebrow={project.name}
        actions={
          <>
            <PruneImages projectId={project.id} />
            <Button disabled={refusal !== undefined} title={refusal} onClick={() => dialog.show('upload')}>
              <Upload aria-hidden />
              {t('image.upload')}
            </Button>
            <Button variant="primary" disabled={refusal !== undefined} title={refusal} onClick={() => dialog.show('pull')}>
              <Download aria-hidden />
              {t('image.pull')}
            </Button>
          </>
        }
      />
      <TransferCard projectId={project.id} />
      <DataList<ImageRow>
        label={t('image.title')}
        searchLabel={t('image.search')}
        query={query}
        rowKey={(row) => `${row.id}${row.tag}`}
        filters={[
          {
            id: 'use',
            label: t('common.filterUse'),
            options: [
              { value: 'used', label: t('common.inUse'), test: (row) => row.containers > 0 },
              { value: 'unused', label: t('common.notInUse'), test: (row) => row.containers === 0 },
            ],
          },
          {
            id: 'kind',
            label: t('common.kind'),
            options: [
              { value: 'own', label: t('image.own'), test: (row) => row.projectId !== SYSTEM_PROJECT },
              { value: 'builtin', label: t('image.builtin'), test: (row) => row.projectId === SYSTEM_PROJECT },
              { value: 'untagged', label: t('image.untagged'), test: (row) => row.tag === null },
            ],
          },
        ]}
        text={(row) => `${row.tag ?? ''} ${row.id} ${row.repoDigests.join(' ')}`}
        empty={
          <EmptyState icon={<Package />} title={t('image.emptyTitle')}>
            {t('image.emptyHint')}
          </EmptyState>
        }
        columns={[
          { id: 'name', header: t('image.tag'), sort: (row) => row.tag ?? '', cell: (row) => <NameCell image={row} /> },
          {
            id: 'id',
            header: t('image.id'),
            cell: (row) => <span className="font-mono text-xs">{shortId(row.id)}</span>,
            className: 'max-md:hidden',
          },
          {
            id: 'size',
            header: t('image.size'),
            sort: (row) => row.sizeBytes,
            cell: (row) => (
              <>
                {formatBytes(row.sizeBytes)}
                {row.sharedBytes > 0 ? (
                  <span className="block text-muted text-xs">{t('image.shared', { bytes: formatBytes(row.sharedBytes) })}</span>
                ) : null}
              </>
            ),
            className: 'tabular',
          },
          {
            id: 'containers',
            header: t('image.usedBy'),
            sort: (row) => row.containers,
            cell: (row) => row.containers,
            className: 'tabular max-sm:hidden',
          },
          {
            id: 'platform',
            header: t('image.platform'),
            cell: (row) => (
              <span className="text-muted">
                {row.os}/{row.architecture}
              </span>
            ),
            className: 'max-lg:hidden',
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
            cell: (row) => <ImageRowMenu image={row} projectId={project.id} />,
            className: 'w-10 text-right',
          },
        ]}
      />
      {open === 'pull' ? <PullDialog projectId={project.id} onClose={dialog.close} /> : null}
      {open === 'upload' ? <UploadDialog projectId={project.id} onClose={dialog.close} /> : null}
    </>
  )
}

const byTag = (images: ImageSummary[]): ImageRow[] =>
  images.flatMap((image) => (image.tags.length > 0 ? image.tags : [null]).map((tag) => ({ ...image, tag })))

function NameCell({ image }: { image: ImageRow }) {
  const t = useTranslations('image')
  return (
    <span className="flex flex-wrap items-center gap-2">
      <span className="break-all font-mono text-xs">{image.tag ?? <span className="text-muted">{t('untagged')}</span>}</span>
      {image.projectId === SYSTEM_PROJECT ? <Badge>{t('builtin')}</Badge> : null}
    </span>
  )
}
