'use client'
import { Menu, MenuLabel, MenuRadioGroup, MenuRadioItem } from '@gantry/ui'
import { ChevronsUpDown } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { useProjects } from './project-context.tsx'

/** Names the current project and switches to another. */
export function ProjectSwitcher() {
  const t = useTranslations()
  const { projects, project, choose } = useProjects()
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="flex h-10 w-full items-center gap-2 rounded-md border bg-raised px-2 text-left hover:bg-hover">
          <span
            aria-hidden
            className="grid size-6 shrink-0 place-items-center rounded-sm bg-accent-soft font-mono font-semibold text-accent text-xs uppercase"
          >
            {(project?.name ?? '–').slice(0, 1)}
          </span>
          <span className="sr-only">{t('nav.switchProject')}:</span>
          <span className="min-w-0 flex-1">
            <span className="block truncate font-medium text-[13px] leading-tight">{project?.name ?? t('common.none')}</span>
            <span className="block truncate text-[11px] text-muted leading-tight">{project ? t(`role.${project.role}`) : ''}</span>
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-muted" aria-hidden />
        </button>
      }
    >
      <MenuLabel>{t('nav.projects')}</MenuLabel>
      <MenuRadioGroup {...(project ? { value: project.id } : {})} onValueChange={choose}>
        {projects.map((entry) => (
          <MenuRadioItem key={entry.id} value={entry.id}>
            <span className="truncate">{entry.name}</span>
            <span className="ml-auto pl-4 text-muted text-xs">{t(`role.${entry.role}`)}</span>
          </MenuRadioItem>
        ))}
      </MenuRadioGroup>
    </Menu>
  )
}
