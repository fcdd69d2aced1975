'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Card, CardBody, CardHeader, CheckboxLabel, EmptyState, LoadingRows, Select, Stat } from '@gantry/ui'
import { ChartLine } from 'lucide-react'
import { parseAsInteger, useQueryState } from 'nuqs'
import { useMemo, useState } from 'react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatBytes } from '@/lib/format.ts'
import { useChartDefinitions } from './chart-definitions.ts'
import { LiveChart } from './live-chart.tsx'
import { StatsTable } from './stats-table.tsx'
import { useContainerRates } from './use-container-rates.ts'

const windows = [60, 300, 600]

/** Live charts of one container: cpu, memory, pids, disk, network, throttling, pressure. */
export function StatsView({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const running = container.state.status === 'running' || container.state.status === 'paused'
  const { history, latest, subscription } = useContainerRates(container.projectId, container.id, running)
  const [seconds, setSeconds] = useQueryState('window', parseAsInteger.withDefault(60))
  const [asTable, setAsTable] = useState(false)
  const windowSeconds = windows.includes(seconds) ? seconds : 60
  const charts = useChartDefinitions(history, latest)
  const times = useMemo(() => history.map((rates) => rates.timeMs / 1000), [history])
  if (!running)
    return (
      <EmptyState icon={<ChartLine />} title={t('detail.notRunning')}>
        {t('detail.notRunningHint')}
      </EmptyState>
    )
  if (subscription.status === 'error') return <ErrorNotice error={subscription.error} onRetry={subscription.reset} />
  if (history.length === 0) return <LoadingRows label={t('stats.waiting')} />
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-3">
        <Select
          aria-label={t('stats.window')}
          value={windowSeconds}
          onChange={(event) => setSeconds(Number(event.target.value))}
          className="w-auto"
        >
          {windows.map((value) => (
            <option key={value} value={value}>
              {value < 120 ? t('stats.seconds', { count: value }) : t('stats.minutes', { count: value / 60 })}
            </option>
          ))}
        </Select>
        <CheckboxLabel checked={asTable} onChange={(event) => setAsTable(event.target.checked)}>
          {t('stats.asTable')}
        </CheckboxLabel>
      </div>
      {asTable ? (
        <StatsTable history={history} />
      ) : (
        <div className="grid gap-4 lg:grid-cols-2">
          {charts.map((chart) => (
            <Card key={chart.title} aria-label={chart.title}>
              <CardHeader title={chart.title} />
              <CardBody>
                {chart.series.length > 0 ? (
                  <LiveChart
                    label={chart.title}
                    times={times}
                    series={chart.series}
                    format={chart.format}
                    windowSeconds={windowSeconds}
                    {...(chart.atLeast ? { atLeast: chart.atLeast } : {})}
                    binary={chart.binary ?? false}
                  />
                ) : (
                  <p className="text-[13px] text-muted">{t('stats.noPressure')}</p>
                )}
              </CardBody>
            </Card>
          ))}
        </div>
      )}
      {latest ? (
        <Card className="mt-4">
          <CardBody className="grid grid-cols-2 gap-4 sm:grid-cols-4">
            <Stat label={t('stats.oomKills')} value={latest.memory.oomKills} />
            <Stat label={t('stats.failCount')} value={latest.memory.failCount} />
            <Stat label={t('stats.maxMemory')} value={formatBytes(latest.memory.maxUsageBytes)} />
            <Stat label={t('stats.cache')} value={formatBytes(latest.memory.cacheBytes)} />
          </CardBody>
        </Card>
      ) : null}
    </>
  )
}
