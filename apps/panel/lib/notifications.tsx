'use client'
import { Toaster } from '@gantry/ui'
import { useTheme } from 'next-themes'
import { useTranslations } from 'use-intl'

export function Notifications() {
  const t = useTranslations('common')
  const { theme } = useTheme()
  return <Toaster theme={(theme as 'light' | 'dark' | 'system') ?? 'system'} label={t('notifications')} closeLabel={t('close')} />
}
