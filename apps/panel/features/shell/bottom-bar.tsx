'use client'
import { cn } from '@gantry/ui'
import { Menu as MenuIcon } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useTranslations } from 'use-intl'
import { isCurrent, navigation } from './navigation.ts'

const shown = ['/', '/containers', '/images', '/audit']

/** The most used pages within a thumb's reach; the rest is in the drawer. */
export function BottomBar({ onMore }: { onMore: () => void }) {
  const t = useTranslations()
  const pathname = usePathname()
  const item = 'flex h-14 min-w-0 flex-1 flex-col items-center justify-center gap-0.5 text-[11px] text-muted'
  return (
    <nav
      aria-label={t('nav.main')}
      className="fixed inset-x-0 bottom-0 z-30 flex border-t bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {navigation
        .filter((page) => shown.includes(page.href))
        .map(({ href, text, icon: Icon }) => (
          <Link
            key={href}
            href={href}
            aria-current={isCurrent(href, pathname) ? 'page' : undefined}
            className={cn(item, isCurrent(href, pathname) && 'font-medium text-accent')}
          >
            <Icon className="size-5" aria-hidden />
            <span className="max-w-full truncate px-1">{t(text)}</span>
          </Link>
        ))}
      <button type="button" onClick={onMore} className={item} aria-label={t('nav.open')}>
        <MenuIcon className="size-5" aria-hidden />
        <span aria-hidden>{t('nav.more')}</span>
      </button>
    </nav>
  )
}
