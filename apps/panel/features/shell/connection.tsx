'use client'
import { Button, StatusDot, Tooltip } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { useLive } from '@/features/event/live-events.tsx'

const looks = {
  connected: { tone: 'ok', shape: 'disc' },
  connecting: { tone: 'neutral', shape: 'arc' },
  lost: { tone: 'bad', shape: 'triangle' },
} as const

/** Whether what the page shows is live. */
export function ConnectionIndicator() {
  const t = useTranslations('live')
  const { state } = useLive()
  return (
    <Tooltip content={state === 'lost' ? t('agentAway') : t(state)}>
      <span role="status" className="text-muted text-xs">
        <StatusDot {...looks[state]}>
          <span className="max-sm:sr-only">{t(state)}</span>
        </StatusDot>
      </span>
    </Tooltip>
  )
}

/** A line above the page while the gateway or the engine is away. */
export function ConnectionBanner() {
  const t = useTranslations('live')
  const { state, retry } = useLive()
  if (state !== 'lost') return null
  return (
    <div role="alert" className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b bg-warn-soft px-4 py-1.5 text-[13px]">
      <StatusDot tone="warn" shape="triangle" className="min-w-0 flex-1 whitespace-normal">
        {t('agentAway')}
      </StatusDot>
      <Button size="sm" onClick={retry}>
        {t('retryNow')}
      </Button>
    </div>
  )
}
