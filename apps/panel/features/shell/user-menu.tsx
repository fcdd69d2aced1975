'use client'
import { IconButton, Menu, MenuItem, MenuSeparator } from '@gantry/ui'
import { CircleUser, Keyboard, LogOut, UserCog } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'use-intl'
import { PreferenceItems } from './preferences.tsx'
import { useSession } from './session.tsx'
import { useSignOut } from './use-sign-out.ts'

export function UserMenu({ onHelp }: { onHelp: () => void }) {
  const t = useTranslations()
  const user = useSession()
  const router = useRouter()
  const signOut = useSignOut()
  return (
    <Menu
      trigger={
        <IconButton label={t('nav.userMenu')}>
          <CircleUser aria-hidden />
        </IconButton>
      }
    >
      <div className="px-2 py-1.5">
        <div className="truncate font-medium text-[13px]">{user.name}</div>
        <div className="truncate text-muted text-xs">{user.email}</div>
        {user.hostAdmin ? <div className="text-muted text-xs">{t('role.hostAdmin')}</div> : null}
      </div>
      <MenuSeparator />
      <MenuItem onSelect={() => router.push('/account')}>
        <UserCog aria-hidden />
        {t('nav.account')}
      </MenuItem>
      <MenuItem onSelect={onHelp}>
        <Keyboard aria-hidden />
        {t('keys.title')}
      </MenuItem>
      <MenuSeparator />
      <PreferenceItems />
      <MenuSeparator />
      <MenuItem onSelect={() => signOut.mutate()}>
        <LogOut aria-hidden />
        {t('nav.signOut')}
      </MenuItem>
    </Menu>
  )
}
