'use client'
import type { ImageTransfer, Progress } from '@gantry/contracts'
import { Card, CardHeader, ProgressBar, StatusDot } from '@gantry/ui'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useSubscription } from '@trpc/tanstack-react-query'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatBytes } from '@/lib/format.ts'
import { useTRPC } from '@/lib/trpc.ts'
import { useVisible } from '@/lib/use-visible.ts'

/** Pulls and pushes that run or ended lately, layer by layer. They go on without this page. */
export function TransferCard({ projectId }: { projectId: string }) {
  const t = useTranslations('image')
  const trpc = useTRPC()
  const transfers = useQuery(
    trpc.image.transfers.queryOptions(
      { projectId },
      { refetchInterval: (query) => (query.state.data?.some((transfer) => transfer.state === 'running') ? 2000 : false) },
    ),
  )
  // one of them by stream, the others by asking: browsers allow few connections
  const watched = transfers.data?.findLast((transfer) => transfer.state === 'running')?.operationId
  const shown = (transfers.data ?? []).slice(-4).reverse()
  if (shown.length === 0) return null
  return (
    <Card className="mb-4" aria-label={t('transfers')}>
      <CardHeader title={t('transfers')} />
      <ul className="divide-y">
        {shown.map((transfer) => (
          <TransferItem key={transfer.operationId} initial={transfer} watched={transfer.operationId === watched} />
        ))}
      </ul>
    </Card>
  )
}

const looks = {
  running: { tone: 'accent', shape: 'arc' },
  done: { tone: 'ok', shape: 'disc' },
  failed: { tone: 'bad', shape: 'triangle' },
} as const
const texts = { running: 'transferRunning', done: 'transferDone', failed: 'transferFailed' } as const

function TransferItem({ initial, watched }: { initial: ImageTransfer; watched: boolean }) {
  const t = useTranslations('image')
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const visible = useVisible()
  const [live, setLive] = useState<ImageTransfer | null>(null)
  const transfer = live && (watched || live.state !== 'running') ? live : initial
  useSubscription(
    trpc.image.progress.subscriptionOptions(
      { projectId: initial.projectId, operationId: initial.operationId },
      {
        enabled: visible && watched && transfer.state === 'running',
        onData(state) {
          setLive(state)
          if (state.state !== 'running') void queryClient.invalidateQueries(trpc.image.pathFilter())
        },
      },
    ),
  )
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[13px]">
        <span className="break-all font-mono text-xs">
          {transfer.kind} {transfer.reference}
        </span>
        <StatusDot {...looks[transfer.state]}>{t(texts[transfer.state])}</StatusDot>
      </div>
      {transfer.error ? <ErrorNotice error={{ data: { gantry: transfer.error } }} className="mt-2" /> : null}
      {transfer.state === 'running' ? (
        <div className="mt-2 grid gap-x-6 gap-y-1.5 sm:grid-cols-2">
          {transfer.progress.map((line) => (
            <LayerProgress key={line.id ?? ''} line={line} />
          ))}
        </div>
      ) : null}
    </li>
  )
}

const finished = new Set(['exists', 'downloaded', 'complete', 'pushed', 'loaded', 'done'])

export function LayerProgress({ line }: { line: Progress }) {
  const t = useTranslations('image')
  const name = line.id ?? t('whole')
  const amount = line.total ? `${formatBytes(line.current ?? 0)} / ${formatBytes(line.total)}` : ''
  const value = finished.has(line.status) ? 1 : line.total ? line.current : undefined
  return (
    <div>
      <div className="flex justify-between gap-2 text-xs">
        <span className="font-mono">{name}</span>
        <span className="tabular text-muted">
          {t(`progress.${line.status}`)} {amount}
        </span>
      </div>
      <ProgressBar
        label={`${name}: ${t(`progress.${line.status}`)}`}
        value={value}
        max={finished.has(line.status) ? 1 : (line.total ?? 1)}
        className="mt-0.5"
      />
    </div>
  )
}
