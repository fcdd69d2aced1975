'use client'
import { Button, cn } from '@gantry/ui'
import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDownToLine } from 'lucide-react'
import { memo, useEffect, useRef, useState } from 'react'
import { useTranslations } from 'use-intl'
import { ansiSpans, markMatches } from './ansi.ts'
import type { LogRow } from './log-buffer.ts'

type Props = { rows: readonly LogRow[]; query: string; current: number | undefined; timestamps: boolean; wrap: boolean; label: string }

/** The lines in sight. It follows the end until the reader scrolls up, and goes on when they are back at the end. */
export function LogLines({ rows, query, current, timestamps, wrap, label }: Props) {
  const t = useTranslations('log')
  const scroller = useRef<HTMLDivElement>(null)
  const [following, setFollowing] = useState(true)
  const seen = useRef(rows.length)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 20,
    overscan: 20,
    getItemKey: (index) => rows[index]?.key ?? index,
  })
  if (following) seen.current = rows.length
  useEffect(() => {
    if (following && rows.length > 0) virtual.scrollToIndex(rows.length - 1, { align: 'end' })
  }, [following, rows.length, virtual])
  useEffect(() => {
    if (current === undefined) return
    setFollowing(false)
    virtual.scrollToIndex(current, { align: 'center' })
  }, [current, virtual])
  const items = virtual.getVirtualItems()
  return (
    <div className="relative min-h-0 flex-1">
      <section
        ref={scroller}
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget
          const atEnd = scrollHeight - scrollTop - clientHeight < 32
          if (atEnd) setFollowing(true)
        }}
        onWheel={(event) => event.deltaY < 0 && setFollowing(false)}
        onTouchMove={() => setFollowing(false)}
        onKeyDown={(event) => /^(ArrowUp|PageUp|Home)$/.test(event.key) && setFollowing(false)}
        className="absolute inset-0 overflow-auto bg-sunken -outline-offset-2"
      >
        <div style={{ height: virtual.getTotalSize() }} className="relative w-full">
          <div
            className={cn('absolute top-0 left-0', wrap ? 'w-full' : 'min-w-full')}
            style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}
          >
            {items.map(({ index, key }) => {
              const row = rows[index]
              if (!row) return null
              return (
                <div key={key} data-index={index} ref={virtual.measureElement}>
                  <Line row={row} query={query} current={index === current} timestamps={timestamps} wrap={wrap} />
                </div>
              )
            })}
          </div>
        </div>
      </section>
      {following ? null : (
        <Button
          size="sm"
          className="-translate-x-1/2 absolute bottom-3 left-1/2 shadow-pop"
          onClick={() => {
            setFollowing(true)
            virtual.scrollToIndex(rows.length - 1, { align: 'end' })
          }}
        >
          <ArrowDownToLine aria-hidden />
          {rows.length > seen.current ? t('followPaused', { count: rows.length - seen.current }) : t('toEnd')}
        </Button>
      )}
    </div>
  )
}

const Line = memo(function Line({
  row,
  query,
  current,
  timestamps,
  wrap,
}: Omit<Props, 'rows' | 'label' | 'current'> & { row: LogRow; current: boolean }) {
  return (
    <div
      className={cn(
        'flex min-h-5 gap-3 border-l-2 px-2 font-mono text-xs leading-5',
        row.stream === 'stderr' ? 'border-bad/60' : 'border-transparent',
        current && 'bg-accent-soft',
      )}
      title={row.stream === 'stderr' ? 'stderr' : undefined}
    >
      {timestamps ? <time className="shrink-0 select-none text-muted">{row.time.slice(0, 23).replace('T', ' ')}</time> : null}
      <span className={wrap ? 'min-w-0 whitespace-pre-wrap break-all' : 'whitespace-pre'}>
        {markMatches(ansiSpans(row.text), query).map((piece, index) =>
          piece.match ? (
            <mark key={index.toString()} className={cn('rounded-sm bg-warn text-bg', piece.className && 'font-semibold')}>
              {piece.text}
            </mark>
          ) : (
            <span key={index.toString()} className={piece.className || undefined}>
              {piece.text}
            </span>
          ),
        )}
      </span>
    </div>
  )
})
