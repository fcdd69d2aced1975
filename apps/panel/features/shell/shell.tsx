'use client'
import { Drawer, Kbd } from '@gantry/ui'
import { Search } from 'lucide-react'
import Link from 'next/link'
import { type ReactNode, useCallback, useState } from 'react'
import { useTranslations } from 'use-intl'
import { NewContainerButton } from '@/features/container/new-container-button.tsx'
import { LiveEvents } from '@/features/event/live-events.tsx'
import { BottomBar } from './bottom-bar.tsx'
import { CommandMenu } from './command-menu.tsx'
import { ConnectionBanner, ConnectionIndicator } from './connection.tsx'
import { Logo } from './logo.tsx'
import { NoProject } from './no-project.tsx'
import { ProjectProvider } from './project-context.tsx'
import { SessionGate } from './session.tsx'
import { ShortcutHelp } from './shortcut-help.tsx'
import { NavigationPane } from './sidebar.tsx'
import { useShortcuts } from './use-shortcuts.ts'
import { UserMenu } from './user-menu.tsx'

/** The frame around every page of a signed-in user. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <SessionGate>
      <ProjectProvider>
        <LiveEvents>
          <Frame>{children}</Frame>
        </LiveEvents>
      </ProjectProvider>
    </SessionGate>
  )
}

function Frame({ children }: { children: ReactNode }) {
  const t = useTranslations()
  const [drawer, setDrawer] = useState(false)
  const [palette, setPalette] = useState(false)
  const [help, setHelp] = useState(false)
  const openPalette = useCallback(() => setPalette(true), [])
  const openHelp = useCallback(() => setHelp(true), [])
  useShortcuts({ onPalette: openPalette, onHelp: openHelp })
  return (
    <div className="flex min-h-dvh">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-accent-fg focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        {t('common.skipToContent')}
      </a>
      <aside className="sticky top-0 hidden h-dvh w-54 shrink-0 border-r bg-surface md:flex" data-no-print>
        <NavigationPane />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-20 flex h-12 items-center gap-2 border-b bg-surface/95 px-4 backdrop-blur-sm" data-no-print>
          <Link href="/" aria-label="Gantry" className="md:hidden">
            <Logo className="size-6" />
          </Link>
          <button
            type="button"
            onClick={openPalette}
            className="flex h-8 min-w-0 flex-1 items-center gap-2 rounded-md border bg-bg px-2.5 text-[13px] text-muted hover:bg-hover sm:max-w-72"
          >
            <Search className="size-3.5 shrink-0" aria-hidden />
            <span className="min-w-0 flex-1 truncate text-left">{t('palette.open')}</span>
            <span aria-hidden className="flex gap-0.5 max-sm:hidden">
              <Kbd>Ctrl</Kbd>
              <Kbd>K</Kbd>
            </span>
          </button>
          <div className="flex-1 max-sm:hidden" />
          <ConnectionIndicator />
          <NewContainerButton variant="primary" className="max-lg:hidden" />
          <UserMenu onHelp={openHelp} />
        </header>
        <ConnectionBanner />
        <main id="content" tabIndex={-1} className="mx-auto w-full min-w-0 max-w-7xl flex-1 p-4 pb-24 outline-none md:p-6 md:pb-10">
          <NoProject>{children}</NoProject>
        </main>
      </div>
      <BottomBar onMore={() => setDrawer(true)} />
      <Drawer open={drawer} onOpenChange={setDrawer} title={t('nav.main')} closeLabel={t('common.close')}>
        <NavigationPane onNavigate={() => setDrawer(false)} />
      </Drawer>
      <CommandMenu open={palette} onOpenChange={setPalette} />
      <ShortcutHelp open={help} onOpenChange={setHelp} />
    </div>
  )
}
