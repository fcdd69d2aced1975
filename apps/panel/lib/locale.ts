export const locales = ['en', 'zh'] as const
export type Locale = (typeof locales)[number]
export const localeCookie = 'gantry_locale'

/** The cookie's choice, else the first language of the browser that we have, else English. */
export function chooseLocale(cookie: string | undefined, acceptLanguage: string | null): Locale {
  if (cookie && (locales as readonly string[]).includes(cookie)) return cookie as Locale
  for (const entry of (acceptLanguage ?? '').split(',')) {
    const language = entry.trim().slice(0, 2).toLowerCase()
    if ((locales as readonly string[]).includes(language)) return language as Locale
  }
  return 'en'
}
