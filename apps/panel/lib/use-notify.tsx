'use client'
import { toast } from '@gantry/ui'
import { useMemo } from 'react'
import { useTranslations } from 'use-intl'
import { wireError } from './errors.ts'
import { useErrorText } from './use-error-text.ts'

/** Toasts: what was done with its shell equivalent, or what failed with its limit and remedy. */
export function useNotify() {
  const t = useTranslations('error')
  const text = useErrorText()
  return useMemo(
    () => ({
      done(title: string, command?: string) {
        toast.success(title, command ? { description: <code className="font-mono">{command}</code> } : {})
      },
      warn(title: string) {
        toast.warning(title)
      },
      problem(title: string, text: string) {
        toast.error(title, { description: text, duration: 10_000 })
      },
      failed(error: unknown, title?: string) {
        const { detail } = wireError(error)
        const said = text(error)
        const figures = [
          detail.limit && `${t('limit')}: ${detail.limit}`,
          detail.used && `${t('used')}: ${detail.used}`,
          detail.asked && `${t('asked')}: ${detail.asked}`,
        ].filter(Boolean)
        const lines = [title ? said.title : '', figures.join(' · '), said.remedy ?? '', said.original ?? ''].filter(Boolean)
        toast.error(title ?? said.title, { description: lines.join('\n'), duration: 10_000 })
      },
    }),
    [t, text],
  )
}
