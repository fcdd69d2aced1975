'use client'
import { can } from '@gantry/contracts'
import { Button, EmptyState, ErrorState, LoadingRows, TabPanel, Tabs } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Ghost } from 'lucide-react'
import dynamic from 'next/dynamic'
import Link from 'next/link'
import { parseAsStringLiteral, useQueryState } from 'nuqs'
import { useTranslations } from 'use-intl'
import { LogView } from '@/features/log/log-view.tsx'
import { useProject } from '@/features/shell/project-context.tsx'
import { StatsView } from '@/features/stats/stats-view.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { wireError } from '@/lib/errors.ts'
import { useTRPC } from '@/lib/trpc.ts'
import { ContainerHeader } from './container-header.tsx'
import { DiffView } from './diff-view.tsx'
import { ExecHistory } from './exec-history.tsx'
import { InspectView } from './inspect-view.tsx'
import { LimitsEditor } from './limits-editor.tsx'
import { ProcessView } from './process-view.tsx'
import { StartupWaterfall } from './startup-waterfall.tsx'

/** xterm touches the document when it loads, and it is the largest part: only in the browser, only when looked at. */
const TerminalPane = dynamic(() => import('@/features/terminal/terminal-pane.tsx').then((module) => module.TerminalPane), { ssr: false })

const tabs = ['terminal', 'logs', 'stats', 'inspect', 'limits', 'startup', 'processes', 'files', 'execs'] as const

export function ContainerPage({ id }: { id: string }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const project = useProject()
  const query = useQuery(trpc.container.get.queryOptions({ projectId: project.id, container: id, size: true }))
  const container = query.data
  const [chosen, setTab] = useQueryState('tab', parseAsStringLiteral(tabs).withOptions({ history: 'push' }))
  if (query.isPending) return <LoadingRows label={t('common.loading')} />
  if (!container) return <Missing error={query.error} onRetry={() => query.refetch()} />
  const tab = chosen ?? (can('exec', container.state.status) ? 'terminal' : 'logs')
  return (
    <>
      <ContainerHeader container={container} />
      {container.state.error ? <ErrorState className="mb-3" title={t('detail.lastError')} remedy={container.state.error} /> : null}
      <Tabs
        label={t('detail.tabs')}
        value={tab}
        onValueChange={(value) => setTab(value as (typeof tabs)[number])}
        items={tabs.map((value) => ({ value, label: t(`detail.${value}`) }))}
      >
        <TabPanel value="terminal">
          <TerminalPane container={container} />
        </TabPanel>
        <TabPanel value="logs">
          <LogView container={container} />
        </TabPanel>
        <TabPanel value="stats">
          <StatsView container={container} />
        </TabPanel>
        <TabPanel value="inspect">
          <InspectView container={container} />
        </TabPanel>
        <TabPanel value="limits">
          <LimitsEditor container={container} />
        </TabPanel>
        <TabPanel value="startup">
          <StartupWaterfall lastStart={container.lastStart} />
        </TabPanel>
        <TabPanel value="processes">
          <ProcessView container={container} />
        </TabPanel>
        <TabPanel value="files">
          <DiffView container={container} />
        </TabPanel>
        <TabPanel value="execs">
          <ExecHistory container={container} />
        </TabPanel>
      </Tabs>
    </>
  )
}

function Missing({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const t = useTranslations()
  if (wireError(error).code !== 'not_found') return <ErrorNotice error={error} onRetry={onRetry} />
  return (
    <EmptyState
      icon={<Ghost />}
      title={t('detail.gone')}
      action={
        <Button asChild>
          <Link href="/containers">{t('detail.toList')}</Link>
        </Button>
      }
    >
      {t('error.notFound')}
    </EmptyState>
  )
}
