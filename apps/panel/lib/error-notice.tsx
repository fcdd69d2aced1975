'use client'
import { Button, ErrorState } from '@gantry/ui'
import { RotateCw } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { wireError } from './errors.ts'
import { useErrorText } from './use-error-text.ts'

/** A failed request in full: what failed, the figures of a limit, and what to do. */
export function ErrorNotice({ error, onRetry, className }: { error: unknown; onRetry?: () => void; className?: string }) {
  const t = useTranslations()
  const { detail } = wireError(error)
  const { title, remedy, original } = useErrorText()(error)
  const facts = (
    [
      [t('error.limit'), detail.limit],
      [t('error.used'), detail.used],
      [t('error.asked'), detail.asked],
      [t('error.step'), detail.step && detail.errno ? `${detail.step}: ${detail.errno}` : (detail.step ?? detail.errno)],
      [t('error.original'), original],
    ] as const
  ).filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '')
  return (
    <ErrorState
      {...(className ? { className } : {})}
      title={title}
      facts={facts}
      remedy={remedy}
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
