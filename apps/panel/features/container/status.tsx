'use client'
import type { ContainerState, ContainerStatus } from '@gantry/contracts'
import { Badge, StatusDot, type StatusShape, type Tone } from '@gantry/ui'
import { useTranslations } from 'use-intl'

export const statusLook: Record<ContainerStatus, { tone: Tone; shape: StatusShape }> = {
  created: { tone: 'neutral', shape: 'ring' },
  running: { tone: 'ok', shape: 'disc' },
  paused: { tone: 'warn', shape: 'bars' },
  restarting: { tone: 'accent', shape: 'arc' },
  removing: { tone: 'neutral', shape: 'arc' },
  exited: { tone: 'neutral', shape: 'square' },
  dead: { tone: 'bad', shape: 'triangle' },
}

/** Status with what explains it: exit code, out of memory, health. */
export function ContainerStatusText({ state }: { state: ContainerState }) {
  const t = useTranslations('container')
  const failed = state.status === 'exited' && state.exitCode !== 0
  const look = failed ? { tone: 'bad' as const, shape: 'square' as const } : statusLook[state.status]
  const health = state.health && state.health.status !== 'none' && state.status === 'running' ? state.health.status : null
  return (
    <span className="inline-flex flex-wrap items-center gap-x-2 gap-y-0.5">
      <StatusDot {...look}>{t(`status.${state.status}`)}</StatusDot>
      {state.status === 'exited' ? <span className="tabular text-muted text-xs">{t('ranWith', { code: state.exitCode })}</span> : null}
      {state.oomKilled ? <Badge tone="bad">{t('oom')}</Badge> : null}
      {health ? (
        <Badge tone={health === 'healthy' ? 'ok' : health === 'unhealthy' ? 'bad' : 'neutral'}>{t(`healthStatus.${health}`)}</Badge>
      ) : null}
    </span>
  )
}
