'use client'
import { containerStatuses } from '@gantry/contracts'
import { Card, CardBody, CardHeader, StatusDot } from '@gantry/ui'
import Link from 'next/link'
import { useTranslations } from 'use-intl'
import { statusLook } from '@/features/container/status.tsx'

const bars = { neutral: 'bg-line-strong', accent: 'bg-accent', ok: 'bg-ok', warn: 'bg-warn', bad: 'bg-bad' } as const

/** How many containers are in which status; each leads to the list of them. */
export function StatusCounts({ counts }: { counts: Record<string, number> }) {
  const t = useTranslations()
  const present = containerStatuses.filter((status) => (counts[status] ?? 0) > 0)
  const total = present.reduce((sum, status) => sum + (counts[status] ?? 0), 0)
  return (
    <Card aria-label={t('dashboard.containersByStatus')}>
      <CardHeader title={t('dashboard.containersByStatus')} />
      <CardBody>
        {present.length === 0 ? <p className="text-[13px] text-muted">{t('dashboard.noContainers')}</p> : null}
        <ul className="flex flex-col gap-1">
          {present.map((status) => {
            const count = counts[status] ?? 0
            return (
              <li key={status}>
                <Link
                  href={`/containers?all=true&status=${status}`}
                  className="grid h-7 grid-cols-[8rem_1fr_3rem] items-center gap-3 rounded-sm px-1 text-[13px] hover:bg-hover"
                >
                  <StatusDot {...statusLook[status]}>{t(`container.status.${status}`)}</StatusDot>
                  <span aria-hidden className="h-1.5 overflow-hidden rounded-full bg-line">
                    <span
                      className={`block h-full rounded-full ${bars[statusLook[status].tone]}`}
                      style={{ width: `${(count / total) * 100}%` }}
                    />
                  </span>
                  <span className="tabular text-right font-medium">{count}</span>
                </Link>
              </li>
            )
          })}
        </ul>
      </CardBody>
    </Card>
  )
}
