'use client'
import { type Project, roles } from '@gantry/contracts'
import { Badge, Button, EmptyState, PageHeader } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Plus, Settings2 } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { DataList } from '@/lib/data-list.tsx'
import { formatBytes, formatCpus } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { useOpenDialog } from '@/lib/use-open-dialog.ts'
import { CreateProjectDialog } from './create-project-dialog.tsx'

export function ProjectList() {
  const t = useTranslations()
  const trpc = useTRPC()
  const user = useSession()
  const dialog = useOpenDialog(['new'])
  const query = useQuery(trpc.project.list.queryOptions())
  return (
    <>
      <PageHeader
        title={t('project.title')}
        actions={
          <Button
            variant="primary"
            disabled={!user.hostAdmin}
            title={user.hostAdmin ? undefined : t('common.hostAdminOnly')}
            onClick={() => dialog.show('new')}
          >
            <Plus aria-hidden />
            {t('project.new')}
          </Button>
        }
      />
      <DataList<Project>
        label={t('project.title')}
        searchLabel={t('project.search')}
        query={query}
        rowKey={(row) => row.id}
        filters={[
          {
            id: 'role',
            label: t('project.yourRole'),
            options: roles.map((role) => ({ value: role, label: t(`role.${role}`), test: (row) => row.role === role })),
          },
        ]}
        text={(row) => `${row.name} ${row.id}`}
        empty={<EmptyState icon={<Settings2 />} title={t('project.noneTitle')} />}
        columns={[
          { id: 'name', header: t('project.name'), sort: (row) => row.name, cell: (row) => <ProjectLink project={row} /> },
          { id: 'role', header: t('project.yourRole'), sort: (row) => row.role, cell: (row) => <Badge>{t(`role.${row.role}`)}</Badge> },
          {
            id: 'cpu',
            header: t('project.limit.nanoCpus'),
            sort: (row) => row.limits.nanoCpus ?? Number.POSITIVE_INFINITY,
            cell: (row) => (row.limits.nanoCpus === undefined ? '–' : formatCpus(row.limits.nanoCpus)),
            className: 'max-sm:hidden tabular',
          },
          {
            id: 'memory',
            header: t('project.limit.memoryBytes'),
            sort: (row) => row.limits.memoryBytes ?? Number.POSITIVE_INFINITY,
            cell: (row) => (row.limits.memoryBytes === undefined ? '–' : formatBytes(row.limits.memoryBytes)),
            className: 'max-sm:hidden tabular',
          },
          {
            id: 'containers',
            header: t('project.limit.containers'),
            sort: (row) => row.limits.containers ?? Number.POSITIVE_INFINITY,
            cell: (row) => row.limits.containers ?? '–',
            className: 'max-md:hidden tabular',
          },
          {
            id: 'created',
            header: t('common.created'),
            sort: (row) => row.createdAt,
            cell: (row) => <Ago time={row.createdAt} />,
            className: 'max-md:hidden',
          },
        ]}
      />
      {dialog.open === 'new' && user.hostAdmin ? <CreateProjectDialog onClose={dialog.close} /> : null}
    </>
  )
}

function ProjectLink({ project }: { project: Project }) {
  return (
    <Link href={`/projects/${project.id}`} className="font-medium underline-offset-4 hover:underline">
      {project.name}
      <span className="ml-2 font-mono font-normal text-[11px] text-muted">{project.id}</span>
    </Link>
  )
}
