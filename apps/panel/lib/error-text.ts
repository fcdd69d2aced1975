import type { useTranslations } from 'use-intl'
import type { PanelError } from './errors.ts'

type Translate = ReturnType<typeof useTranslations<'error'>>
export type ErrorText = {
  title: string
  remedy: string | undefined
  /** what the server said, where the title does not */
  original: string | undefined
}

/**
 * An error in the reader's language. The server's own words are English and more exact than any code, so English readers get
 * them as they are; others get what code and detail fields tell, with the server's words beside it.
 */
export function errorText({ code, message, detail }: PanelError, t: Translate, locale: string): ErrorText {
  if (code === 'network') return { title: t('network'), remedy: t('networkRemedy'), original: undefined }
  if (locale === 'en') return { title: message || t('unknown'), remedy: detail.remedy, original: undefined }
  const field = fieldName(detail.field, t)
  const original = [message, detail.remedy].filter(Boolean).join('; ')
  return {
    title: quotaText(detail, field, t) ?? about(t(`code.${code}`), [field, detail.value].filter(Boolean).join(' '), t),
    remedy: t(`remedyOf.${code}`),
    original: original === '' ? undefined : original,
  }
}

const about = (what: string, subject: string, t: Translate) => (subject === '' ? what : t('about', { what, subject }))

/** A limit with its figures says it all. */
function quotaText({ limit, used, asked }: PanelError['detail'], field: string | undefined, t: Translate): string | undefined {
  if (!limit) return undefined
  const subject = field ?? t('quota.subject')
  if (used && asked) return t('quota.more', { subject, limit, used, asked })
  if (asked) return t('quota.tooLarge', { subject, limit, asked })
  return used ? t('quota.full', { subject, limit, used }) : undefined
}

/** `resources.memoryBytes` as people call it; an unknown field by its own name. */
function fieldName(path: string | undefined, t: Translate): string | undefined {
  const last = path
    ?.split('.')
    .filter((part) => !/^\d+$/.test(part))
    .at(-1)
  if (!last) return undefined
  const key = `field.${last}` as Parameters<Translate>[0]
  return t.has(key) ? t(key) : last
}
