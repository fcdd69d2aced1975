'use client'
import { cn } from '@gantry/ui'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useTranslations } from 'use-intl'
import { Logo } from './logo.tsx'
import { isCurrent, navigation } from './navigation.ts'
import { ProjectSwitcher } from './project-switcher.tsx'
import { useProjects } from './project-context.tsx'
import { useSession } from './session.tsx'

/** Logo, project and pages: the sidebar's content, and the drawer's on small screens. */
export function NavigationPane({ onNavigate }: { onNavigate?: () => void }) {
  const t = useTranslations()
  const pathname = usePathname()
  const user = useSession()
  const { project } = useProjects()
  const suffix = project ? `?project=${project.id}` : ''
  const groups = ['nav.workloads', 'nav.administration'] as const
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <Link href={`/${suffix}`} onClick={onNavigate} className="flex h-12 items-center gap-2 px-4 font-semibold tracking-tight">
        <Logo className="size-5.5" />
        <span className="text-[15px]">gantry</span>
      </Link>
      <div className="px-2 pb-2">
        <ProjectSwitcher />
      </div>
      <nav aria-label={t('nav.main')} className="min-h-0 flex-1 overflow-y-auto px-2 pb-3">
        {groups.map((group) => (
          <div key={group} className="mt-3 first:mt-1">
            <div className="eyebrow px-2 pb-1" id={group}>
              {t(group)}
            </div>
            <ul aria-labelledby={group}>
              {navigation
                .filter((page) => page.group === group && (!page.admin || user.hostAdmin))
                .map(({ href, text, icon: Icon }) => (
                  <li key={href}>
                    <Link
                      href={`${href}${suffix}`}
                      onClick={onNavigate}
                      aria-current={isCurrent(href, pathname) ? 'page' : undefined}
                      className={cn(
                        'flex h-8 items-center gap-2.5 rounded-md px-2 text-[13px] text-muted hover:bg-hover hover:text-fg',
                        isCurrent(href, pathname) && 'bg-accent-soft font-medium text-fg [&_svg]:text-accent',
                      )}
                    >
                      <Icon className="size-4 shrink-0" aria-hidden />
                      {t(text)}
                    </Link>
                  </li>
                ))}
            </ul>
          </div>
        ))}
      </nav>
    </div>
  )
}
