import en from '../messages/en.json' with { type: 'json' }
import zh from '../messages/zh.json' with { type: 'json' }
import type { Locale } from './locale.ts'

export type Messages = typeof en

declare module 'use-intl' {
  interface AppConfig {
    Locale: Locale
    Messages: Messages
  }
}

const all: Record<Locale, Messages> = { en, zh }
/** All texts of one language; only the chosen one is sent to the browser. */
export const messagesOf = (locale: Locale): Messages => all[locale]
