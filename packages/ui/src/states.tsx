import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'

/** Nothing here yet: says what would be here and offers the way to it. */
export function EmptyState({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode
  title: string
  children?: ReactNode
  action?: ReactNode
}) {
  return (
    <div className="flex flex-col items-center gap-2 px-4 py-12 text-center">
      {icon ? <div className="mb-1 text-faint [&_svg]:size-8">{icon}</div> : null}
      <p className="font-medium">{title}</p>
      {children ? <div className="max-w-md text-[13px] text-muted">{children}</div> : null}
      {action ? <div className="mt-2">{action}</div> : null}
    </div>
  )
}

/** What went wrong, the facts, and what to do. */
export function ErrorState({
  title,
  facts,
  remedy,
  action,
  className,
}: {
  title: string
  facts?: readonly (readonly [string, string])[]
  remedy?: string | undefined
  action?: ReactNode
  className?: string
}) {
  return (
    <div role="alert" className={cn('flex gap-3 rounded-md border border-bad/40 bg-bad-soft px-3 py-2.5 text-[13px]', className)}>
      <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="break-words font-medium first-letter:uppercase">{title}</p>
        {facts && facts.length > 0 ? (
          <dl className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
            {facts.map(([label, value]) => (
              <div key={label} className="flex gap-1">
                <dt>{label}</dt>
                <dd className="tabular break-all font-medium">{value}</dd>
              </div>
            ))}
          </dl>
        ) : null}
        {remedy ? <p className="mt-1 break-words text-xs first-letter:uppercase">{remedy}</p> : null}
        {action ? <div className="mt-2">{action}</div> : null}
      </div>
    </div>
  )
}

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('h-4 animate-[gantry-pulse_1.6s_ease-in-out_infinite] rounded-sm bg-hover', className)} />
}

/** Grey lines in place of a list; read out as `label`. */
export function LoadingRows({ label, rows = 6 }: { label: string; rows?: number }) {
  return (
    <div role="status" aria-label={label} className="flex flex-col gap-3 p-4">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index.toString()} className={index % 3 === 2 ? 'w-2/3' : 'w-full'} />
      ))}
    </div>
  )
}
