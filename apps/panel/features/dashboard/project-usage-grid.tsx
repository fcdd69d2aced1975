'use client'
import type { ProjectUsageView } from '@gantry/contracts'
import { Card, CardBody, CardHeader, Meter, Sparkline } from '@gantry/ui'
import Link from 'next/link'
import { useTranslations } from 'use-intl'
import { quotaLines } from '@/features/project/quota-lines.ts'
import type { HostPoint } from './host-history.ts'

/** One card per project: what it uses of its limits, with cpu as it changes. */
export function ProjectUsageGrid({ projects, points }: { projects: readonly ProjectUsageView[]; points: readonly HostPoint[] }) {
  return (
    <div className="grid items-start gap-4 md:grid-cols-2 xl:grid-cols-3">
      {projects.map((project) => (
        <ProjectUsageCard key={project.projectId} project={project} points={points} />
      ))}
    </div>
  )
}

function ProjectUsageCard({ project, points }: { project: ProjectUsageView; points: readonly HostPoint[] }) {
  const t = useTranslations()
  const cpus = points.map((point) => point.projects.get(project.projectId)?.cpus ?? 0)
  const lines = quotaLines(project, cpus.at(-1) ?? 0).filter(
    (line) => line.limit !== undefined || ['nanoCpus', 'memoryBytes', 'containers'].includes(line.name),
  )
  return (
    <Card aria-label={project.name}>
      <CardHeader
        title={
          <Link href={`/projects/${project.projectId}`} className="hover:underline">
            {project.name}
          </Link>
        }
        actions={<Sparkline values={cpus.slice(-40)} max={(project.limits.nanoCpus ?? 1e9) / 1e9} className="w-24" />}
      />
      <CardBody className="flex flex-col gap-3">
        {lines.map((line) => (
          <Meter
            key={line.name}
            label={t(`project.limit.${line.name}`)}
            used={line.used}
            limit={line.limit}
            text={line.limitText === undefined ? line.usedText : `${line.usedText} / ${line.limitText}`}
          />
        ))}
      </CardBody>
    </Card>
  )
}
