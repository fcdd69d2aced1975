'use client'
import type { EngineEvent } from '@gantry/contracts'
import { useQueryClient } from '@tanstack/react-query'
import { useSubscription } from '@trpc/tanstack-react-query'
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react'
import { useProjects } from '@/features/shell/project-context.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { useVisible } from '@/lib/use-visible.ts'

export type LiveState = 'connecting' | 'connected' | 'lost'
type Live = { state: LiveState; events: readonly EngineEvent[]; retry: () => void }
const Context = createContext<Live>({ state: 'connecting', events: [], retry: () => {} })
export const useLive = () => useContext(Context)

const kept = 100
/** Events that change nothing a list shows. */
const quiet = /^(exec_|top|attach|resize)/

/** One stream of the project's events for the whole page: lists refresh by it, and it tells whether the engine can be reached. */
export function LiveEvents({ children }: { children: ReactNode }) {
  const trpc = useTRPC()
  const visible = useVisible()
  const { project } = useProjects()
  const refresh = useRefreshByEvents()
  const [events, setEvents] = useState<readonly EngineEvent[]>([])
  const projectId = project?.id ?? ''
  const subscription = useSubscription(
    trpc.events.subscriptionOptions(
      { projectId },
      {
        enabled: visible && projectId !== '',
        onData({ data: event }) {
          setEvents((before) => [event, ...before].slice(0, kept))
          if (!quiet.test(event.action)) refresh(event.type)
        },
      },
    ),
  )
  // biome-ignore lint/correctness/useExhaustiveDependencies: another project's events are another list
  useEffect(() => setEvents([]), [projectId])
  useEffect(() => {
    window.addEventListener('online', subscription.reset)
    return () => window.removeEventListener('online', subscription.reset)
  }, [subscription.reset])
  const state: LiveState =
    subscription.status === 'pending' ? 'connected' : subscription.status === 'error' || subscription.error ? 'lost' : 'connecting'
  useEffect(() => {
    if (subscription.status !== 'error') return
    const timer = setTimeout(subscription.reset, 2000)
    return () => clearTimeout(timer)
  }, [subscription.status, subscription.reset])
  const value = useMemo(() => ({ state, events, retry: subscription.reset }), [state, events, subscription.reset])
  return <Context.Provider value={value}>{children}</Context.Provider>
}

/** Collects the kinds of objects that changed for a moment, so that a storm of events is one refresh. */
function useRefreshByEvents() {
  const trpc = useTRPC()
  const queryClient = useQueryClient()
  const waiting = useRef(new Set<EngineEvent['type']>())
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)
  useEffect(
    () => () => {
      if (timer.current) clearTimeout(timer.current)
    },
    [],
  )
  return (type: EngineEvent['type']) => {
    waiting.current.add(type)
    timer.current ??= setTimeout(() => {
      const types = waiting.current
      waiting.current = new Set()
      timer.current = null
      const filters = {
        container: [trpc.container.pathFilter(), trpc.dashboard.pathFilter()],
        image: [trpc.image.pathFilter(), trpc.dashboard.pathFilter()],
        network: [trpc.network.pathFilter()],
        volume: [trpc.volume.pathFilter(), trpc.dashboard.pathFilter()],
        builder: [trpc.image.pathFilter(), trpc.dashboard.pathFilter()],
        project: [trpc.project.pathFilter(), trpc.dashboard.pathFilter()],
        agent: [trpc.host.pathFilter()],
      }
      for (const filter of new Set([...types].flatMap((entry) => filters[entry]))) void queryClient.invalidateQueries(filter)
    }, 250)
  }
}
