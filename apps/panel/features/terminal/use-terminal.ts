'use client'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { useTranslations } from 'use-intl'
import { formatBytes } from '@/lib/format.ts'
import { wireError } from '@/lib/errors.ts'
import { useTRPCClient } from '@/lib/trpc.ts'
import { type Emulator, makeEmulator } from './emulator.ts'
import { FinalTerminalError, TerminalClient, type TerminalSocket, type TerminalStatus, type TicketRequest } from './terminal-client.ts'

export type TerminalTarget = { projectId: string; container: string; command: readonly string[] | undefined; sessionId: string | undefined }
const retryable = new Set(['unavailable', 'timeout', 'network', 'cancelled'])

/** Ties one emulator to one session for as long as the element is on the page. */
export function useTerminal(
  element: RefObject<HTMLDivElement | null>,
  target: TerminalTarget,
  options: { fontSize: number; screenReader: boolean; onSession: (id: string) => void },
) {
  const trpc = useTRPCClient()
  const t = useTranslations('terminal')
  const [status, setStatus] = useState<TerminalStatus>({ kind: 'connecting' })
  const emulator = useRef<Emulator | null>(null)
  // the session is opened once per mount; later renders must not open it again
  const latest = useRef({ target, options, t })
  latest.current = { target, options, t }

  useEffect(() => {
    if (!element.current) return
    const made = makeEmulator(element.current, latest.current.options)
    emulator.current = made
    const { terminal, fit } = made
    const client = new TerminalClient({
      mintTicket: (request) => mint(trpc, latest.current.target, request),
      openSocket: (ticket) => new WebSocket(socketUrl(ticket)) as unknown as TerminalSocket,
      write: (bytes, parsed) => terminal.write(bytes, parsed),
      onGap: (bytes) => terminal.write(`\r\n\x1b[2m[${latest.current.t('gap', { bytes: formatBytes(bytes) })}]\x1b[0m\r\n`),
      onStatus: setStatus,
      onSession: (id) => latest.current.options.onSession(id),
      sessionId: latest.current.target.sessionId,
    })
    const encoder = new TextEncoder()
    terminal.onData((text) => client.input(encoder.encode(text)))
    terminal.onBinary((text) => client.input(Uint8Array.from(text, (character) => character.charCodeAt(0))))
    terminal.onResize(({ cols, rows }) => client.resize(cols, rows))
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) fit.fit()
    })
    observer.observe(element.current)
    const online = () => client.retryNow()
    const offline = () => client.drop('offline')
    window.addEventListener('online', online)
    window.addEventListener('offline', offline)
    document.addEventListener('visibilitychange', online)
    // after this turn, so that a component that is taken away at once (React's strict mode) opens nothing
    const start = setTimeout(() => client.open(terminal.cols, terminal.rows), 0)
    terminal.focus()
    return () => {
      clearTimeout(start)
      observer.disconnect()
      window.removeEventListener('online', online)
      window.removeEventListener('offline', offline)
      document.removeEventListener('visibilitychange', online)
      client.close()
      made.dispose()
      emulator.current = null
    }
  }, [element, trpc])

  useEffect(() => {
    const made = emulator.current
    if (!made) return
    made.terminal.options.fontSize = options.fontSize
    made.terminal.options.screenReaderMode = options.screenReader
    made.fit.fit()
  }, [options.fontSize, options.screenReader])
  return { status, emulator }
}

const socketUrl = (ticket: string) =>
  `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/terminal?ticket=${encodeURIComponent(ticket)}`

async function mint(trpc: ReturnType<typeof useTRPCClient>, target: TerminalTarget, request: TicketRequest) {
  const input = {
    projectId: target.projectId,
    container: target.container,
    ...request,
    ...(target.command ? { command: [...target.command] } : {}),
  }
  try {
    return await trpc.terminal.ticket.mutate(input)
  } catch (error) {
    const { code, message } = wireError(error)
    // a kept session that ended long ago: open a new shell, unless this page has shown some of the old one
    if (code === 'not_found' && request.sessionId && request.from === 0) {
      const { sessionId: _, ...fresh } = request
      return mint(trpc, target, fresh)
    }
    if (retryable.has(code)) throw error
    throw new FinalTerminalError(message)
  }
}
