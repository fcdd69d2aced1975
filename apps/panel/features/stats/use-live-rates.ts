'use client'
import { useSubscription } from '@trpc/tanstack-react-query'
import { useRef, useState } from 'react'
import type { StatsRow } from '@gantry/contracts'
import { useTRPC } from '@/lib/trpc.ts'
import { useVisible } from '@/lib/use-visible.ts'
import { nextRowRates, type RowRates } from './row-rates.ts'

/** Rates of every running container of a project (all of mine without one), refreshed as readings arrive. */
export function useLiveRates(projectId: string | undefined): ReadonlyMap<string, RowRates> {
  const trpc = useTRPC()
  const visible = useVisible()
  const last = useRef<readonly StatsRow[]>([])
  const [rates, setRates] = useState<ReadonlyMap<string, RowRates>>(new Map())
  useSubscription(
    trpc.container.statsAll.subscriptionOptions(projectId ? { projectId } : {}, {
      enabled: visible,
      onData(rows) {
        const before = last.current
        last.current = rows
        setRates((known) => nextRowRates(known, before, rows))
      },
    }),
  )
  return rates
}
