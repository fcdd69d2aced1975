'use client'
import { Badge, Card, CardHeader } from '@gantry/ui'
import Link from 'next/link'
import { useTranslations } from 'use-intl'
import { useLive } from '@/features/event/live-events.tsx'
import { shortId } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'

const shown = 12

/** What happened in the current project since the page was opened. */
export function RecentEvents() {
  const t = useTranslations()
  const { events } = useLive()
  return (
    <Card aria-label={t('dashboard.recent')}>
      <CardHeader title={t('dashboard.recent')} />
      {events.length === 0 ? <p className="p-4 text-[13px] text-muted">{t('dashboard.noEvents')}</p> : null}
      <ul className="divide-y text-[13px]">
        {events.slice(0, shown).map((event) => (
          <li key={`${event.boot}${event.seq}`} className="flex items-center gap-3 px-4 py-1.5">
            <Badge>{t(`event.${event.type}`)}</Badge>
            <span className="font-mono text-xs">{event.action}</span>
            <span className="min-w-0 flex-1 truncate">
              {event.type === 'container' && event.id !== '' ? (
                <Link href={`/containers/${event.id}?project=${event.projectId}`} className="hover:underline">
                  {event.attributes.name ?? shortId(event.id)}
                </Link>
              ) : (
                (event.attributes.name ?? shortId(event.id))
              )}
            </span>
            <span className="text-muted text-xs">
              <Ago time={new Date(Number(BigInt(event.timeNano) / 1_000_000n)).toISOString()} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  )
}
