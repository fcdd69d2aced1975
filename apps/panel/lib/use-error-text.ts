'use client'
import { useCallback } from 'react'
import { useLocale, useTranslations } from 'use-intl'
import { type ErrorText, errorText } from './error-text.ts'
import { wireError } from './errors.ts'

/** Says what failed in the reader's language. */
export function useErrorText(): (error: unknown) => ErrorText {
  const t = useTranslations('error')
  const locale = useLocale()
  return useCallback((error) => errorText(wireError(error), t, locale), [t, locale])
}
