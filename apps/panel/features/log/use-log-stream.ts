'use client'
import type { LogLine } from '@gantry/contracts'
import { useSubscription } from '@trpc/tanstack-react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTRPC } from '@/lib/trpc.ts'
import { useVisible } from '@/lib/use-visible.ts'
import { appendLines, emptyLog } from './log-buffer.ts'

const sinceMs = { '5m': 5 * 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const
export type Since = 'all' | keyof typeof sinceMs

/** A container's log as it grows. While the page is hidden nothing is read; it goes on after the last line seen. */
export function useLogStream({ projectId, container, since }: { projectId: string; container: string; since: Since }) {
  const trpc = useTRPC()
  const visible = useVisible()
  const [buffer, setBuffer] = useState(emptyLog)
  const [resume, setResume] = useState<string | null>(null)
  const last = useRef<string | null>(null)
  const waiting = useRef<LogLine[]>([])
  const frame = useRef(0)
  const start = useMemo(() => (since === 'all' ? { tail: 5000 } : { since: new Date(Date.now() - sinceMs[since]).toISOString() }), [since])
  // biome-ignore lint/correctness/useExhaustiveDependencies: another container or start is another log
  useEffect(() => {
    setBuffer(emptyLog)
    setResume(null)
    last.current = null
    waiting.current = []
  }, [projectId, container, start])
  useEffect(() => {
    if (!visible) setResume(last.current)
  }, [visible])
  useEffect(() => () => cancelAnimationFrame(frame.current), [])
  const subscription = useSubscription(
    trpc.container.logs.subscriptionOptions(
      { projectId, container, follow: true, ...start, ...(resume ? { lastEventId: resume } : {}) },
      {
        enabled: visible,
        onData({ id, data }) {
          last.current = id
          waiting.current.push(...data)
          // one render a frame, however many batches arrive in it
          frame.current ||= requestAnimationFrame(() => {
            frame.current = 0
            const lines = waiting.current
            waiting.current = []
            setBuffer((before) => appendLines(before, lines))
          })
        },
      },
    ),
  )
  return { rows: buffer.rows, subscription }
}
