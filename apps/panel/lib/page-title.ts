import type { Metadata } from 'next'
import { cookies, headers } from 'next/headers'
import { createTranslator } from 'use-intl/core'
import { chooseLocale, localeCookie } from './locale.ts'
import { messagesOf } from './messages.ts'

/** The browser tab's title in the page's language: `export const generateMetadata = pageTitle('nav.containers')`. */
export function pageTitle(key: string): () => Promise<Metadata> {
  return async () => {
    const [cookieStore, headerStore] = await Promise.all([cookies(), headers()])
    const locale = chooseLocale(cookieStore.get(localeCookie)?.value, headerStore.get('accept-language'))
    const t = createTranslator({ locale, messages: messagesOf(locale) })
    return { title: t(key as never) }
  }
}
