'use client'
import { Button, Menu } from '@gantry/ui'
import { Languages } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslations } from 'use-intl'
import { Logo } from '@/features/shell/logo.tsx'
import { PreferenceItems } from '@/features/shell/preferences.tsx'

/** The frame of the pages before signing in. */
export function Doorway({ children }: { children: ReactNode }) {
  const t = useTranslations()
  return (
    <div className="grid min-h-dvh lg:grid-cols-[minmax(0,5fr)_minmax(0,7fr)]">
      <div className="relative flex flex-col gap-3 overflow-hidden border-r bg-sunken p-8 max-lg:hidden" aria-hidden>
        <span className="flex items-center gap-2.5 font-semibold text-lg tracking-tight">
          <Logo className="size-7" />
          gantry
        </span>
        <p className="max-w-xs text-lg text-muted leading-snug">{t('auth.tagline')}</p>
        <Logo className="-right-24 -bottom-16 absolute size-130 text-line" />
      </div>
      <div className="flex flex-col bg-surface">
        <div className="flex justify-end p-3">
          <Menu
            trigger={
              <Button variant="ghost">
                <Languages aria-hidden />
                {t('nav.language')}
              </Button>
            }
          >
            <PreferenceItems />
          </Menu>
        </div>
        <main className="mx-auto w-full max-w-sm flex-1 px-5 pt-[6vh] pb-10">
          <Logo className="mb-4 size-9 lg:hidden" />
          {children}
        </main>
      </div>
    </div>
  )
}
