'use client'
import type { Project } from '@gantry/contracts'
import { LoadingRows, Meter } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { quotaLines } from './quota-lines.ts'

/** How much of each limit of a project is used. */
export function ProjectMeters({ project, all = false }: { project: Project; all?: boolean }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const usage = useQuery(trpc.project.usage.queryOptions({ projectId: project.id }, { refetchInterval: 10_000 }))
  if (usage.error && !usage.data) return <ErrorNotice error={usage.error} onRetry={() => usage.refetch()} />
  if (!usage.data) return <LoadingRows label={t('common.loading')} rows={3} />
  const lines = quotaLines(usage.data).filter((line) => all || line.limit !== undefined)
  if (lines.length === 0) return <p className="text-[13px] text-muted">{t('create.quotaNone')}</p>
  return (
    <div className="flex flex-col gap-3">
      {lines.map((line) => (
        <Meter
          key={line.name}
          label={t(`project.limit.${line.name}`)}
          used={line.used}
          limit={line.limit}
          text={line.limitText === undefined ? `${line.usedText} · ${t('common.noLimit')}` : `${line.usedText} / ${line.limitText}`}
        />
      ))}
    </div>
  )
}
