'use client'
import type { Stats } from '@gantry/contracts'
import { useMemo } from 'react'
import { useTranslations } from 'use-intl'
import { formatBytes, formatPercent } from '@/lib/format.ts'
import type { ChartSeries } from './live-chart.tsx'
import type { Rates } from './rates.ts'

export type ChartDefinition = {
  title: string
  series: ChartSeries[]
  format: (value: number) => string
  atLeast?: number
  binary?: boolean
}

const rate = (value: number) => `${formatBytes(value)}/s`
const count = (value: number) => (Number.isInteger(value) ? value.toString() : value.toFixed(1))

/** What the charts of one container show, from its history. */
export function useChartDefinitions(history: readonly Rates[], latest: Stats | null): ChartDefinition[] {
  const t = useTranslations('stats')
  return useMemo(() => {
    const line = (label: string, colour: string, value: (rates: Rates) => number | null, more: Partial<ChartSeries> = {}): ChartSeries => ({
      label,
      colour,
      values: history.map(value),
      ...more,
    })
    const limited = (latest?.memory.limitBytes ?? 0) > 0
    const pidsLimited = (latest?.pids.limit ?? 0) > 0
    const pressure: ChartSeries[] = [
      line(t('cpu'), '--chart-1', (r) => r.cpuPressure),
      line(t('memory'), '--chart-2', (r) => r.memoryPressure),
      line(t('io'), '--chart-3', (r) => r.ioPressure),
    ].filter((series) => series.values.some((value) => value !== null))
    return [
      {
        title: t('cpu'),
        format: formatPercent,
        atLeast: 0.05,
        series: [
          line(t('used'), '--chart-1', (r) => r.cpus, { fill: true }),
          line(t('user'), '--chart-2', (r) => r.userCpus),
          line(t('system'), '--chart-3', (r) => r.systemCpus),
        ],
      },
      {
        title: t('memory'),
        format: formatBytes,
        binary: true,
        atLeast: 1024 * 1024,
        series: [
          line(t('used'), '--chart-1', (r) => r.memoryBytes, { fill: true }),
          line(t('cache'), '--chart-2', (r) => r.cacheBytes),
          ...(limited ? [line(t('limit'), '--chart-5', (r) => r.memoryLimitBytes, { dashed: true })] : []),
        ],
      },
      {
        title: t('pids'),
        format: count,
        atLeast: 4,
        series: [
          line(t('used'), '--chart-1', (r) => r.pids, { fill: true }),
          ...(pidsLimited ? [line(t('limit'), '--chart-5', (r) => r.pidsLimit, { dashed: true })] : []),
        ],
      },
      {
        title: t('io'),
        format: rate,
        binary: true,
        atLeast: 1024,
        series: [line(t('read'), '--chart-2', (r) => r.readBytesPerS), line(t('write'), '--chart-3', (r) => r.writeBytesPerS)],
      },
      {
        title: t('network'),
        format: rate,
        binary: true,
        atLeast: 1024,
        series: [line(t('received'), '--chart-2', (r) => r.rxBytesPerS), line(t('sent'), '--chart-4', (r) => r.txBytesPerS)],
      },
      {
        title: t('throttling'),
        format: formatPercent,
        atLeast: 0.1,
        series: [line(t('throttled'), '--chart-5', (r) => r.throttledShare, { fill: true })],
      },
      { title: t('pressure'), format: formatPercent, atLeast: 0.1, series: pressure },
    ]
  }, [history, latest?.memory.limitBytes, latest?.pids.limit, t])
}
