'use client'
import { useLocale } from 'use-intl'
import { formatAgo, formatTime } from './format.ts'
import { useNow } from './use-now.ts'

/** "3 minutes ago", with the exact time on hover and for screen readers. */
export function Ago({ time }: { time: string }) {
  const locale = useLocale()
  const now = useNow()
  if (!time) return <span className="text-muted">–</span>
  return (
    <time dateTime={time} title={formatTime(time, locale)} className="whitespace-nowrap" suppressHydrationWarning>
      {now === 0 ? '' : formatAgo(time, locale, now)}
    </time>
  )
}
