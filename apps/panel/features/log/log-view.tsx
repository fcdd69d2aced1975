'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Card, EmptyState } from '@gantry/ui'
import { ScrollText } from 'lucide-react'
import { parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'
import { useDeferredValue, useMemo, useState } from 'react'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { plainText } from './ansi.ts'
import { matchingRows } from './log-buffer.ts'
import { LogLines } from './log-lines.tsx'
import { LogToolbar } from './log-toolbar.tsx'
import { useLogStream } from './use-log-stream.ts'

const parsers = {
  find: parseAsString.withDefault(''),
  stream: parseAsStringLiteral(['both', 'stdout', 'stderr']).withDefault('both'),
  since: parseAsStringLiteral(['all', '5m', '1h', '1d']).withDefault('all'),
  times: parseAsBoolean.withDefault(false),
  wrap: parseAsBoolean.withDefault(true),
}

/** How the log is looked at, kept in the address. */
export function useLogOptions() {
  const [options, setOptions] = useQueryStates(parsers, { throttleMs: 200 })
  return { options, setOptions }
}
export type LogOptions = ReturnType<typeof useLogOptions>

export function LogView({ container }: { container: ContainerInspect }) {
  const t = useTranslations('log')
  const state = useLogOptions()
  const { options } = state
  const { rows, subscription } = useLogStream({ projectId: container.projectId, container: container.id, since: options.since })
  const shown = useMemo(
    () => (options.stream === 'both' ? rows : rows.filter((row) => row.stream === options.stream)),
    [rows, options.stream],
  )
  const query = useDeferredValue(options.find)
  const matches = useMemo(() => matchingRows(shown, query, plainText), [shown, query])
  const [match, setMatch] = useState(0)
  const current = matches.length > 0 ? matches[((match % matches.length) + matches.length) % matches.length] : undefined
  return (
    <Card className="flex h-[max(320px,calc(100dvh-17rem))] flex-col overflow-hidden">
      <LogToolbar state={state} container={container} matches={matches.length} onStep={(by) => setMatch(match + by)} total={shown.length} />
      {subscription.status === 'error' ? <ErrorNotice error={subscription.error} onRetry={subscription.reset} className="m-3" /> : null}
      {shown.length === 0 ? (
        <EmptyState icon={<ScrollText />} title={t('empty')}>
          {t('emptyHint')}
        </EmptyState>
      ) : (
        <LogLines
          rows={shown}
          query={query}
          current={current}
          timestamps={options.times}
          wrap={options.wrap}
          label={t('label', { name: container.name })}
        />
      )}
    </Card>
  )
}
