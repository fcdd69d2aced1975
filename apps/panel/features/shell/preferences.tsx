'use client'
import { MenuLabel, MenuRadioGroup, MenuRadioItem } from '@gantry/ui'
import { useRouter } from 'next/navigation'
import { useTheme } from 'next-themes'
import { useCallback } from 'react'
import { useLocale, useTranslations } from 'use-intl'
import { type Locale, localeCookie } from '@/lib/locale.ts'

/** Changes the language: a cookie for a year, then the page's texts are fetched again. */
export function useSetLocale() {
  const router = useRouter()
  return useCallback(
    (locale: Locale) => {
      // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Firefox
      document.cookie = `${localeCookie}=${locale}; Path=/; Max-Age=31536000; SameSite=Lax`
      router.refresh()
    },
    [router],
  )
}

/** Theme and language, as items of a menu. */
export function PreferenceItems() {
  const t = useTranslations('nav')
  const { theme, setTheme } = useTheme()
  const locale = useLocale()
  const setLocale = useSetLocale()
  return (
    <>
      <MenuLabel>{t('theme')}</MenuLabel>
      <MenuRadioGroup value={theme ?? 'system'} onValueChange={setTheme}>
        <MenuRadioItem value="light">{t('themeLight')}</MenuRadioItem>
        <MenuRadioItem value="dark">{t('themeDark')}</MenuRadioItem>
        <MenuRadioItem value="system">{t('themeSystem')}</MenuRadioItem>
      </MenuRadioGroup>
      <MenuLabel>{t('language')}</MenuLabel>
      <MenuRadioGroup value={locale} onValueChange={(value) => setLocale(value as Locale)}>
        <MenuRadioItem value="en" lang="en">
          English
        </MenuRadioItem>
        <MenuRadioItem value="zh" lang="zh-CN">
          中文
        </MenuRadioItem>
      </MenuRadioGroup>
    </>
  )
}
