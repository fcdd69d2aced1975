'use client'
import { Button, ErrorState } from '@gantry/ui'
import { RotateCw } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { wireError } from './errors.ts'

/** A failed request in full: what failed, the figures of a limit, and what to do. */
export function ErrorNotice({ error, onRetry, className }: { error: unknown; onRetry?: () => void; className?: string }) {
  const t = useTranslations()
  const { code, message, detail } = wireError(error)
  const facts = (
    [
      [t('error.limit'), detail.limit],
      [t('error.used'), detail.used],
      [t('error.asked'), detail.asked],
      [t('error.step'), detail.step && detail.errno ? `${detail.step}: ${detail.errno}` : (detail.step ?? detail.errno)],
    ] as const
  ).filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '')
  return (
    <ErrorState
      {...(className ? { className } : {})}
      title={code === 'network' ? t('error.network') : message || t('error.unknown')}
      facts={facts}
      remedy={code === 'network' ? t('error.networkRemedy') : detail.remedy}
      action={
        onRetry ? (
          <Button size="sm" onClick={onRetry}>
            <RotateCw aria-hidden />
            {t('common.retry')}
          </Button>
        ) : undefined
      }
    />
  )
}
