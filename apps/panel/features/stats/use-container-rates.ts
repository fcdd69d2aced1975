'use client'
import type { Stats } from '@gantry/contracts'
import { useSubscription } from '@trpc/tanstack-react-query'
import { useEffect, useRef, useState } from 'react'
import { useTRPC } from '@/lib/trpc.ts'
import { useVisible } from '@/lib/use-visible.ts'
import { type Rates, ratesBetween } from './rates.ts'

/** Readings kept: ten minutes at one a second. */
const kept = 600

/** Rates of one running container, once a second, with their history. */
export function useContainerRates(projectId: string, container: string, running: boolean) {
  const trpc = useTRPC()
  const visible = useVisible()
  const last = useRef<Stats | null>(null)
  const [history, setHistory] = useState<readonly Rates[]>([])
  const [latest, setLatest] = useState<Stats | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another container has another history
  useEffect(() => {
    last.current = null
    setHistory([])
    setLatest(null)
  }, [container])
  const subscription = useSubscription(
    trpc.container.stats.subscriptionOptions(
      { projectId, container },
      {
        enabled: running && visible,
        onData(reading) {
          const rates = last.current ? ratesBetween(last.current, reading) : null
          last.current = reading
          setLatest(reading)
          if (rates) setHistory((before) => [...before, rates].slice(-kept))
        },
      },
    ),
  )
  return { history, latest, subscription }
}
