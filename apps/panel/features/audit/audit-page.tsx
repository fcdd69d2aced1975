'use client'
import type { AuditEntry } from '@gantry/contracts'
import { Badge, Button, Card, EmptyState, LoadingRows, PageHeader, StatusDot, Table, Td, Th, Tr } from '@gantry/ui'
import { useInfiniteQuery } from '@tanstack/react-query'
import { ScrollText } from 'lucide-react'
import { useState } from 'react'
import { useLocale, useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatTime } from '@/lib/format.ts'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { AuditDetails } from './audit-details.tsx'
import { AuditExport } from './audit-export.tsx'
import { AuditFilters } from './audit-filters.tsx'
import { useAuditFilter } from './use-audit-filter.ts'
import { VerifyAudit } from './verify-audit.tsx'

/** Everything that was done or refused, newest first. */
export function AuditLog() {
  const t = useTranslations()
  const trpc = useTRPC()
  const state = useAuditFilter()
  const [open, setOpen] = useState<AuditEntry | null>(null)
  const client = useTRPCClient()
  const query = useInfiniteQuery({
    queryKey: trpc.audit.list.queryKey(state.query),
    queryFn: ({ pageParam, signal }) =>
      client.audit.list.query({ ...state.query, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) }, { signal }),
    initialPageParam: 0,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  })
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? []
  return (
    <>
      <PageHeader
        title={t('audit.title')}
        description={t('audit.description')}
        actions={
          <>
            <AuditExport query={state.query} />
            <VerifyAudit />
          </>
        }
      />
      <Card>
        <AuditFilters state={state} />
        {query.error && !query.data ? <ErrorNotice error={query.error} onRetry={() => query.refetch()} className="m-3" /> : null}
        {query.isPending ? <LoadingRows label={t('common.loading')} /> : null}
        {query.data && entries.length === 0 ? <EmptyState icon={<ScrollText />} title={t('audit.emptyTitle')} /> : null}
        {entries.length > 0 ? <AuditTable entries={entries} onOpen={setOpen} /> : null}
        {query.hasNextPage ? (
          <div className="border-t p-3 text-center">
            <Button pending={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
              {t('common.loadMore')}
            </Button>
          </div>
        ) : null}
      </Card>
      {open ? <AuditDetails entry={open} onClose={() => setOpen(null)} /> : null}
    </>
  )
}

function AuditTable({ entries, onOpen }: { entries: readonly AuditEntry[]; onOpen: (entry: AuditEntry) => void }) {
  const t = useTranslations('audit')
  const locale = useLocale()
  return (
    <Table label={t('title')}>
      <thead>
        <tr>
          <Th className="text-right">#</Th>
          <Th>{t('time')}</Th>
          <Th>{t('actor')}</Th>
          <Th>{t('verb')}</Th>
          <Th className="max-sm:hidden">{t('object')}</Th>
          <Th className="max-lg:hidden">{t('project')}</Th>
          <Th className="max-lg:hidden">{t('address')}</Th>
          <Th>{t('outcome')}</Th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Tr key={entry.seq}>
            <Td className="text-right">
              <button
                type="button"
                onClick={() => onOpen(entry)}
                aria-label={t('open', { seq: entry.seq.toString() })}
                className="tabular min-h-6 min-w-6 rounded-sm px-1 font-mono text-accent text-xs underline-offset-4 hover:underline"
              >
                {entry.seq}
              </button>
            </Td>
            <Td className="tabular whitespace-nowrap text-xs">{formatTime(entry.time, locale)}</Td>
            <Td className="max-w-48 truncate">{entry.actor}</Td>
            <Td className="font-mono text-xs">{entry.verb}</Td>
            <Td className="max-w-80 truncate max-sm:hidden" title={entry.object}>
              {entry.object}
            </Td>
            <Td className="max-lg:hidden">{entry.projectId ? <Badge>{entry.projectId}</Badge> : '–'}</Td>
            <Td className="font-mono text-xs max-lg:hidden">{entry.address}</Td>
            <Td>
              <Outcome outcome={entry.outcome} />
            </Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  )
}

const looks = {
  success: { tone: 'ok', shape: 'disc' },
  denied: { tone: 'warn', shape: 'bars' },
  failed: { tone: 'bad', shape: 'triangle' },
} as const

export function Outcome({ outcome }: { outcome: AuditEntry['outcome'] }) {
  const t = useTranslations('audit')
  return <StatusDot {...looks[outcome]}>{t(outcome)}</StatusDot>
}
