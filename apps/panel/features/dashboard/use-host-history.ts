'use client'
import type { HostSample } from '@gantry/contracts'
import { useSubscription } from '@trpc/tanstack-react-query'
import { useRef, useState } from 'react'
import { useTRPC } from '@/lib/trpc.ts'
import { useVisible } from '@/lib/use-visible.ts'
import { type HostPoint, hostPoint } from './host-history.ts'

const kept = 300

/** The host's load and that of the user's projects as it changes, every two seconds. */
export function useHostHistory() {
  const trpc = useTRPC()
  const visible = useVisible()
  const last = useRef<HostSample | null>(null)
  const [points, setPoints] = useState<readonly HostPoint[]>([])
  const [sample, setSample] = useState<HostSample | null>(null)
  useSubscription(
    trpc.dashboard.hostStats.subscriptionOptions(
      {},
      {
        enabled: visible,
        onData({ data }) {
          const point = last.current ? hostPoint(last.current, data) : null
          last.current = data
          setSample(data)
          if (point) setPoints((before) => [...before, point].slice(-kept))
        },
      },
    ),
  )
  return { points, sample }
}
