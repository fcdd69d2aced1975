'use client'
import { Button, cn, StatusDot } from '@gantry/ui'
import { useRef } from 'react'
import { useTranslations } from 'use-intl'
import type { TerminalStatus } from './terminal-client.ts'
import { TerminalToolbar } from './terminal-toolbar.tsx'
import type { TerminalPreferences } from './use-preferences.ts'
import { type TerminalTarget, useTerminal } from './use-terminal.ts'

const looks = {
  connecting: { tone: 'neutral', shape: 'arc' },
  ready: { tone: 'ok', shape: 'disc' },
  waiting: { tone: 'warn', shape: 'arc' },
  exited: { tone: 'neutral', shape: 'square' },
  failed: { tone: 'bad', shape: 'triangle' },
  closed: { tone: 'neutral', shape: 'ring' },
} as const

/** One terminal with its tools and its state. */
export function TerminalView(props: {
  target: TerminalTarget
  label: string
  shown: boolean
  preferences: TerminalPreferences
  onSession: (id: string) => void
  onReopen: () => void
}) {
  const { preferences } = props
  const element = useRef<HTMLDivElement>(null)
  const { status, emulator } = useTerminal(element, props.target, {
    fontSize: preferences.fontSize,
    screenReader: preferences.screenReader,
    onSession: props.onSession,
  })
  const t = useTranslations('terminal')
  const over = status.kind === 'exited' || status.kind === 'failed' || status.kind === 'closed'
  return (
    <section aria-label={props.label} className={cn('flex min-h-0 flex-1 flex-col', !props.shown && 'hidden')}>
      <div className="flex flex-wrap items-center gap-2 border-b bg-surface px-2 py-1">
        <span role="status" data-terminal-status={status.kind} className="min-w-0 flex-1 truncate text-muted text-xs">
          <StatusDot {...looks[status.kind]}>
            <StatusText status={status} />
          </StatusDot>
        </span>
        {over ? (
          <Button size="sm" variant="primary" onClick={props.onReopen}>
            {t('restart')}
          </Button>
        ) : null}
        <TerminalToolbar emulator={emulator} preferences={preferences} />
      </div>
      <div className={cn('relative min-h-0 flex-1 bg-[#10161c]', status.kind !== 'ready' && 'opacity-80')}>
        <div ref={element} className="absolute inset-0" />
      </div>
    </section>
  )
}

function StatusText({ status }: { status: TerminalStatus }) {
  const t = useTranslations('terminal')
  switch (status.kind) {
    case 'waiting':
      return t('waiting', { attempt: status.attempt })
    case 'exited':
      return t('exited', { code: status.exitCode })
    case 'failed':
      return t('failed', { reason: status.reason })
    default:
      return t(status.kind)
  }
}
