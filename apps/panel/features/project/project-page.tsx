'use client'
import type { Project } from '@gantry/contracts'
import { Badge, Button, Card, CardBody, CardHeader, ConfirmDialog, LoadingRows, PageHeader } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Trash2 } from 'lucide-react'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { MemberCard } from './member-card.tsx'
import { ProjectLimitsCard } from './project-limits-card.tsx'
import { ProjectMeters } from './project-meters.tsx'
import { TokenCard } from './token-card.tsx'

/** One project: what it uses, its limits, who is in it. */
export function ProjectPage({ id }: { id: string }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const query = useQuery(trpc.project.get.queryOptions({ projectId: id }))
  const project = query.data
  if (query.error && !project) return <ErrorNotice error={query.error} onRetry={() => query.refetch()} />
  if (!project) return <LoadingRows label={t('common.loading')} />
  return (
    <>
      <PageHeader
        eyebrow={
          <Link href="/projects" className="hover:underline">
            {t('project.title')}
          </Link>
        }
        title={project.name}
        description={
          <span className="flex items-center gap-2">
            <span className="font-mono text-xs">{project.id}</span>
            <Badge>{t(`role.${project.role}`)}</Badge>
          </span>
        }
        actions={
          <>
            <Button asChild>
              <Link href={`/containers?project=${project.id}`}>{t('project.containers')}</Link>
            </Button>
            <RemoveProject project={project} />
          </>
        }
      />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card aria-label={t('project.usage')}>
          <CardHeader title={t('project.usage')} />
          <CardBody>
            <ProjectMeters project={project} all />
          </CardBody>
        </Card>
        <ProjectLimitsCard key={JSON.stringify(project.limits)} project={project} />
      </div>
      <div className="mt-4">
        <MemberCard project={project} />
      </div>
      <div className="mt-4">
        <TokenCard project={project} />
      </div>
    </>
  )
}

function RemoveProject({ project }: { project: Project }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const router = useRouter()
  const user = useSession()
  const [asking, setAsking] = useState(false)
  const remove = useAct({
    run: client.project.remove.mutate,
    done: () => ({ title: t('project.removed', { name: project.name }) }),
    changes: [trpc.project.list.queryFilter(), trpc.dashboard.pathFilter()],
  })
  return (
    <>
      <Button
        variant="danger-ghost"
        disabled={!user.hostAdmin}
        title={user.hostAdmin ? undefined : t('common.hostAdminOnly')}
        onClick={() => setAsking(true)}
      >
        <Trash2 aria-hidden />
        {t('project.remove')}
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={t('project.removeTitle', { name: project.name })}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={remove.isPending}
        typed={{
          word: project.id,
          label: t.rich('common.typeToConfirm', { word: project.id, b: (text) => <b className="text-fg">{text}</b> }),
        }}
        onConfirm={() => remove.mutate({ projectId: project.id, force: true }, { onSuccess: () => router.push('/projects') })}
      >
        {t('project.removeBody')}
      </ConfirmDialog>
    </>
  )
}
