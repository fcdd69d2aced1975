'use client'
import { useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useState } from 'react'
import { useTRPC } from '@/lib/trpc.ts'
import { addTab, closeTab, noTabs, reopenTab, restoreTabs, setSession, type TerminalTabs } from './terminal-tabs.ts'

/**
 * The terminals of a container page. They are kept for this browser tab, so a reload finds its shells again; a browser that
 * has none kept takes up the user's shells that still run, and opens one when there is none.
 */
export function useTerminalTabs(projectId: string, container: string) {
  const trpc = useTRPC()
  const key = `gantry.terminals.${container}`
  const [state, setState] = useState<TerminalTabs | null>(null)
  const sessions = useQuery(trpc.terminal.sessions.queryOptions({ projectId, container }, { enabled: state === null, staleTime: 0 }))
  useEffect(() => {
    const kept = restoreTabs(sessionStorage.getItem(key))
    if (kept.tabs.length > 0) setState(kept)
  }, [key])
  useEffect(() => {
    if (state !== null || sessions.isPending || sessions.isFetching) return
    const running = (sessions.data ?? []).filter((session) => session.running)
    const found = running.reduce((tabs, session) => addTab(tabs, '', session.sessionId), noTabs)
    setState(found.tabs.length > 0 ? found : addTab(noTabs, ''))
  }, [state, sessions.isPending, sessions.isFetching, sessions.data])
  useEffect(() => {
    if (state) sessionStorage.setItem(key, JSON.stringify(state))
  }, [key, state])
  const change = useCallback((apply: (tabs: TerminalTabs) => TerminalTabs) => setState((tabs) => apply(tabs ?? noTabs)), [])
  return {
    tabs: state ?? noTabs,
    loading: state === null,
    activate: useCallback((active: string) => change((tabs) => ({ ...tabs, active })), [change]),
    add: useCallback((command: string) => change((tabs) => addTab(tabs, command)), [change]),
    close: useCallback((tab: string) => change((tabs) => closeTab(tabs, tab)), [change]),
    reopen: useCallback((tab: string) => change((tabs) => reopenTab(tabs, tab)), [change]),
    setSession: useCallback((tab: string, id: string) => change((tabs) => setSession(tabs, tab, id)), [change]),
  }
}
