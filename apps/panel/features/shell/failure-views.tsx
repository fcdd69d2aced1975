'use client'
import { Button, EmptyState, ErrorState } from '@gantry/ui'
import { Compass } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'use-intl'

export function NotFoundView() {
  const t = useTranslations('error')
  return (
    <main>
      <h1 className="sr-only">{t('notFoundTitle')}</h1>
      <EmptyState
        icon={<Compass />}
        title={t('notFoundTitle')}
        action={
          <Button asChild>
            <Link href="/">{t('toDashboard')}</Link>
          </Button>
        }
      >
        {t('notFound')}
      </EmptyState>
    </main>
  )
}

export function PageFailedView({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const t = useTranslations()
  return (
    <main className="mx-auto max-w-xl p-6">
      <h1 className="sr-only">{t('error.title')}</h1>
      <ErrorState title={t('error.title')} remedy={error.message} action={<Button onClick={onRetry}>{t('common.retry')}</Button>} />
    </main>
  )
}
