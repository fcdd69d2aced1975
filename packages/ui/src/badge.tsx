import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export type Tone = 'neutral' | 'accent' | 'ok' | 'warn' | 'bad'
const badgeTone: Record<Tone, string> = {
  neutral: 'border-line bg-sunken text-muted',
  accent: 'border-accent/30 bg-accent-soft text-accent',
  ok: 'border-ok/30 bg-ok-soft text-ok',
  warn: 'border-warn/30 bg-warn-soft text-warn',
  bad: 'border-bad/30 bg-bad-soft text-bad',
}

export function Badge({ tone = 'neutral', children, className }: { tone?: Tone; children: ReactNode; className?: string }) {
  return (
    <span
      className={cn(
        'inline-flex h-5 items-center gap-1 whitespace-nowrap rounded-sm border px-1.5 font-medium text-[11px]',
        badgeTone[tone],
        className,
      )}
    >
      {children}
    </span>
  )
}

export type StatusShape = 'disc' | 'ring' | 'bars' | 'square' | 'triangle' | 'arc'
const dotTone: Record<Tone, string> = { neutral: 'text-muted', accent: 'text-accent', ok: 'text-ok', warn: 'text-warn', bad: 'text-bad' }
const shapes: Record<StatusShape, ReactNode> = {
  disc: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  ring: <circle cx="6" cy="6" r="3.75" fill="none" stroke="currentColor" strokeWidth="1.75" />,
  bars: <path d="M3 2h2.2v8H3zM6.8 2H9v8H6.8z" fill="currentColor" />,
  square: <rect x="2.25" y="2.25" width="7.5" height="7.5" rx="1" fill="currentColor" />,
  triangle: <path d="M6 1.4 11 10.4H1z" fill="currentColor" />,
  arc: <path d="M10 6a4 4 0 1 1-1.6-3.2" fill="none" stroke="currentColor" strokeWidth="1.75" strokeLinecap="round" />,
}

/** State as shape + word + colour, so that none of the three is needed alone. */
export function StatusDot({
  tone,
  shape,
  children,
  className,
}: {
  tone: Tone
  shape: StatusShape
  children?: ReactNode
  className?: string
}) {
  return (
    <span className={cn('inline-flex items-center gap-1.5 whitespace-nowrap', className)}>
      <svg viewBox="0 0 12 12" className={cn('size-3 shrink-0', dotTone[tone])} aria-hidden>
        {shapes[shape]}
      </svg>
      {children}
    </span>
  )
}
