'use client'
import type { Role } from '@gantry/contracts'
import { useTranslations } from 'use-intl'
import { hasRole, useProjects } from '@/features/shell/project-context.tsx'

/** Why the signed-in user may not do what needs `needed` in the project; undefined when they may. */
export function useRefusal(projectId: string | undefined, needed: Role): string | undefined {
  const t = useTranslations()
  const { projects } = useProjects()
  const role = projects.find((project) => project.id === projectId)?.role
  if (role && hasRole(role, needed)) return undefined
  return t('common.noPermission', { role: role ? t(`role.${role}`) : t('common.none') })
}
