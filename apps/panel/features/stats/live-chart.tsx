'use client'
import { cn } from '@gantry/ui'
import { useTheme } from 'next-themes'
import { useEffect, useMemo, useRef } from 'react'
import uPlot from 'uplot'

export type ChartSeries = {
  label: string
  /** a CSS variable of the theme: `--chart-1` */
  colour: string
  values: readonly (number | null)[]
  dashed?: boolean
  fill?: boolean
}
type Props = {
  label: string
  /** seconds since the epoch */
  times: readonly number[]
  series: readonly ChartSeries[]
  format: (value: number) => string
  windowSeconds: number
  /** the axis reaches at least so high */
  atLeast?: number
  /** steps of the axis are powers of two: for bytes */
  binary?: boolean
  className?: string
}

/** A line chart that moves. The figures now stand in its legend, so it can be read without seeing it. */
export function LiveChart({ label, times, series, format, windowSeconds, atLeast = 0, binary = false, className }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const { resolvedTheme } = useTheme()
  const data = useMemo(() => [times, ...series.map((entry) => entry.values)] as unknown as uPlot.AlignedData, [times, series])
  const latest = useRef({ format, atLeast, windowSeconds, data })
  latest.current = { format, atLeast, windowSeconds, data }
  const shape = series.map((entry) => `${entry.label}${entry.colour}${entry.dashed ?? ''}${entry.fill ?? ''}`).join('|')

  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew for other series or colours, not for new values
  useEffect(() => {
    const element = host.current
    if (!element) return
    const plot = new uPlot(optionsFor(element, series, latest, binary), latest.current.data, element)
    chart.current = plot
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) plot.setSize({ width: entry.contentRect.width, height: chartHeight })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
      chart.current = null
    }
  }, [shape, resolvedTheme])
  useEffect(() => {
    chart.current?.setData(data)
  }, [data])
  return (
    <figure aria-label={label} className={cn('min-w-0', className)}>
      <figcaption className="mb-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
        {series.map((entry) => {
          const now = entry.values.at(-1)
          return (
            <span key={entry.label} className="inline-flex items-center gap-1.5">
              <span
                aria-hidden
                className={cn('h-0 w-3 border-t-2', entry.dashed && 'border-dashed')}
                style={{ borderColor: `var(${entry.colour})` }}
              />
              <span className="text-muted">{entry.label}</span>
              <span className="tabular font-medium">{now === null || now === undefined ? '–' : format(now)}</span>
            </span>
          )
        })}
      </figcaption>
      <div ref={host} aria-hidden className="h-[150px] min-w-0 overflow-hidden" />
    </figure>
  )
}

const chartHeight = 150
const powersOfTwo = Array.from({ length: 50 }, (_, power) => 2 ** power)
type Latest = { current: { format: (value: number) => string; atLeast: number; windowSeconds: number } }

function optionsFor(element: HTMLElement, series: readonly ChartSeries[], latest: Latest, binary: boolean): uPlot.Options {
  const css = getComputedStyle(document.documentElement)
  const colour = (name: string) => css.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--muted'),
    font: '11px ui-monospace, monospace',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: element.clientWidth || 300,
    height: chartHeight,
    padding: [8, 24, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { show: false },
    scales: {
      x: { time: true, range: (_, __, max) => [max - latest.current.windowSeconds, max] },
      y: { range: (_, __, max) => [0, Math.max(latest.current.atLeast, (max ?? 0) * 1.1, Number.EPSILON)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 70,
        values: (_, splits) => splits.map((split) => new Date(split * 1000).toLocaleTimeString([], { hour12: false })),
      },
      {
        ...axis,
        size: 66,
        ...(binary ? { incrs: powersOfTwo } : {}),
        values: (_, splits) => splits.map((split) => latest.current.format(split)),
      },
    ],
    series: [
      {},
      ...series.map((entry) => ({
        label: entry.label,
        stroke: colour(entry.colour),
        width: 1.5,
        points: { show: false },
        ...(entry.dashed ? { dash: [5, 4] } : {}),
        ...(entry.fill ? { fill: `color-mix(in oklch, ${colour(entry.colour)} 14%, transparent)` } : {}),
      })),
    ],
  }
}
