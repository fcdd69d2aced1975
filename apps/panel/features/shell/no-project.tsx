'use client'
import { EmptyState, LoadingRows } from '@gantry/ui'
import { Settings2 } from 'lucide-react'
import { usePathname } from 'next/navigation'
import type { ReactNode } from 'react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useProjects } from './project-context.tsx'

/** Pages that are about no project. */
const withoutProject = ['/projects', '/users', '/host', '/account', '/audit']

/** Stands in for pages of a project while the projects load, fail to, or there is none. */
export function NoProject({ children }: { children: ReactNode }) {
  const t = useTranslations()
  const pathname = usePathname()
  const { project, loading, error } = useProjects()
  if (project || withoutProject.some((path) => pathname.startsWith(path))) return children
  if (loading) return <LoadingRows label={t('common.loading')} />
  if (error) return <ErrorNotice error={error} />
  return (
    <EmptyState icon={<Settings2 />} title={t('project.noneTitle')}>
      {t('project.noneHint')}
    </EmptyState>
  )
}
