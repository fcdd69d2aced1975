'use client'
import { toast } from '@gantry/ui'
import { useMemo } from 'react'
import { useTranslations } from 'use-intl'
import { wireError } from './errors.ts'

/** Toasts: what was done with its shell equivalent, or what failed with its limit and remedy. */
export function useNotify() {
  const t = useTranslations('error')
  return useMemo(
    () => ({
      done(title: string, command?: string) {
        toast.success(title, command ? { description: <code className="font-mono">{command}</code> } : {})
      },
      warn(title: string) {
        toast.warning(title)
      },
      failed(error: unknown, title?: string) {
        const { code, message, detail } = wireError(error)
        const text = code === 'network' ? t('network') : message
        const figures = [
          detail.limit && `${t('limit')}: ${detail.limit}`,
          detail.used && `${t('used')}: ${detail.used}`,
          detail.asked && `${t('asked')}: ${detail.asked}`,
        ].filter(Boolean)
        const lines = [title ? text : '', figures.join(' · '), detail.remedy ?? ''].filter(Boolean)
        toast.error(title ?? text, { description: lines.join('\n'), duration: 10_000 })
      },
    }),
    [t],
  )
}
