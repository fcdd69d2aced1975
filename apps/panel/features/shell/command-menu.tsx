'use client'
import { CommandPalette } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Box, Download, HardDrive, KeyRound, Languages, LogOut, Moon, Network, Plus, Settings2, Sun, Upload, UserPlus } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTheme } from 'next-themes'
import { useLocale, useTranslations } from 'use-intl'
import { useTRPC } from '@/lib/trpc.ts'
import { navigation } from './navigation.ts'
import { useSetLocale } from './preferences.tsx'
import { hasRole, useProjects } from './project-context.tsx'
import { useSession } from './session.tsx'
import { useSignOut } from './use-sign-out.ts'

/** What is begun from anywhere; those who may not are not offered it. */
const places = [
  { href: '/containers/new', text: 'nav.newContainer', keys: 'c', icon: Plus, needs: 'developer' },
  { href: '/images?do=pull', text: 'image.pullTitle', keys: undefined, icon: Download, needs: 'developer' },
  { href: '/images?do=upload', text: 'image.uploadTitle', keys: undefined, icon: Upload, needs: 'developer' },
  { href: '/networks?do=new', text: 'network.new', keys: undefined, icon: Network, needs: 'developer' },
  { href: '/volumes?do=new', text: 'volume.new', keys: undefined, icon: HardDrive, needs: 'developer' },
  { href: '/projects?do=new', text: 'project.new', keys: undefined, icon: Settings2, needs: 'hostAdmin' },
  { href: '/users?do=new', text: 'user.new', keys: undefined, icon: UserPlus, needs: 'hostAdmin' },
] as const

/** Everything by typing: pages, containers of the project, projects, and the panel's own actions. */
export function CommandMenu({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const router = useRouter()
  const user = useSession()
  const { project, projects, choose } = useProjects()
  const { setTheme } = useTheme()
  const locale = useLocale()
  const setLocale = useSetLocale()
  const signOut = useSignOut()
  const mayChange = project !== undefined && hasRole(project.role, 'developer')
  const containers = useQuery(
    trpc.container.list.queryOptions({ projectId: project?.id ?? '' }, { enabled: open && project !== undefined }),
  )
  const groups = [
    {
      heading: t('palette.pages'),
      items: navigation
        .filter((page) => !page.admin || user.hostAdmin)
        .map(({ href, text, icon: Icon, key }) => ({
          id: href,
          label: t(text),
          keys: `g ${key}`,
          icon: <Icon aria-hidden />,
          run: () => router.push(href),
        })),
    },
    {
      heading: t('palette.containers'),
      items: (containers.data ?? []).map((container) => ({
        id: container.id,
        label: container.name,
        hint: `${container.image} · ${t(`container.status.${container.state.status}`)}`,
        icon: <Box aria-hidden />,
        run: () => router.push(`/containers/${container.id}`),
      })),
    },
    {
      heading: t('nav.projects'),
      items: projects.map((entry) => ({
        id: `project ${entry.id}`,
        label: entry.name,
        icon: <Settings2 aria-hidden />,
        run: () => choose(entry.id),
      })),
    },
    {
      heading: t('palette.actions'),
      items: [
        ...places
          .filter(({ needs }) => (needs === 'hostAdmin' ? user.hostAdmin : mayChange))
          .map(({ href, text, keys, icon: Icon }) => ({
            id: href,
            label: t(text),
            keys,
            icon: <Icon aria-hidden />,
            run: () => router.push(href),
          })),
        ...(project && hasRole(project.role, 'admin')
          ? [
              {
                id: 'token',
                label: `${t('token.new')}: ${project.name}`,
                icon: <KeyRound aria-hidden />,
                run: () => router.push(`/projects/${project.id}?do=token`),
              },
            ]
          : []),
        { id: 'light', label: `${t('nav.theme')}: ${t('nav.themeLight')}`, icon: <Sun aria-hidden />, run: () => setTheme('light') },
        { id: 'dark', label: `${t('nav.theme')}: ${t('nav.themeDark')}`, icon: <Moon aria-hidden />, run: () => setTheme('dark') },
        {
          id: 'language',
          label: locale === 'en' ? '切换到中文' : 'Switch to English',
          icon: <Languages aria-hidden />,
          run: () => setLocale(locale === 'en' ? 'zh' : 'en'),
        },
        { id: 'sign-out', label: t('nav.signOut'), icon: <LogOut aria-hidden />, run: () => signOut.mutate() },
      ],
    },
  ]
  return (
    <CommandPalette
      open={open}
      onOpenChange={onOpenChange}
      label={t('palette.title')}
      placeholder={t('palette.placeholder')}
      emptyText={t('palette.empty')}
      groups={groups.filter((group) => group.items.length > 0)}
    />
  )
}
