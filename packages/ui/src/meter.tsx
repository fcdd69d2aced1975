import type { ReactNode } from 'react'
import { cn } from './cn.ts'

/** Progress of something that ends. Without `value` it only says "going on". */
export function ProgressBar({
  label,
  value,
  max = 100,
  className,
}: {
  label: string
  value?: number | undefined
  max?: number
  className?: string
}) {
  const share = value === undefined || max <= 0 ? undefined : Math.min(1, Math.max(0, value / max))
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={share === undefined ? undefined : Math.round(share * 100)}
      className={cn('relative h-1.5 overflow-hidden rounded-full bg-line', className)}
    >
      <div
        className={cn(
          'absolute inset-y-0 rounded-full bg-accent',
          share === undefined && 'w-2/5 animate-[gantry-sweep_1.4s_ease-in-out_infinite]',
        )}
        style={share === undefined ? undefined : { width: `${share * 100}%` }}
      />
    </div>
  )
}

/** How full something is. Over 90 % is bad, over 75 % a warning; the text says the figures, so colour is an extra. */
export function Meter({
  label,
  used,
  limit,
  text,
  hint,
  compact,
  hideLabel,
}: {
  label: string
  used: number
  /** undefined: no limit, the bar stays empty */
  limit?: number | undefined
  text: ReactNode
  hint?: ReactNode
  compact?: boolean
  /** The label is read out, not shown. */
  hideLabel?: boolean
}) {
  const share = limit === undefined || limit <= 0 ? 0 : Math.min(1, used / limit)
  const colour = share > 0.9 ? 'bg-bad' : share > 0.75 ? 'bg-warn' : 'bg-accent'
  return (
    <div className="min-w-0">
      <div className={cn('flex items-baseline justify-between gap-2 text-[13px]', compact && 'text-xs')}>
        {hideLabel ? null : <span className="truncate text-muted">{label}</span>}
        <span className="tabular whitespace-nowrap font-medium">{text}</span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: browsers do not let a <meter> be drawn like this */}
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={limit ?? 0}
        aria-valuenow={limit === undefined ? 0 : Math.min(used, limit)}
        aria-valuetext={typeof text === 'string' ? text : undefined}
        className="mt-1 h-1.5 overflow-hidden rounded-full bg-line"
      >
        <div className={cn('h-full rounded-full', colour)} style={{ width: `${share * 100}%` }} />
      </div>
      {hint ? <div className="mt-0.5 text-muted text-xs">{hint}</div> : null}
    </div>
  )
}

/** The last values as a line, scaled to `max` or to their own highest. Decoration: the figure stands beside it. */
export function Sparkline({ values, max, className }: { values: readonly number[]; max?: number | undefined; className?: string }) {
  const top = Math.max(max ?? 0, ...values, 1e-9)
  const points = values.map((value, index) => `${(index / Math.max(1, values.length - 1)) * 60},${(15 - (value / top) * 14).toFixed(2)}`)
  return (
    <svg viewBox="0 0 60 16" preserveAspectRatio="none" aria-hidden className={cn('h-4 w-15 text-accent', className)}>
      {points.length > 1 ? (
        <polyline points={points.join(' ')} fill="none" stroke="currentColor" strokeWidth="1.25" vectorEffect="non-scaling-stroke" />
      ) : null}
    </svg>
  )
}
