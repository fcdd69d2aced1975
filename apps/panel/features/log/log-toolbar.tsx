'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Button, CheckboxLabel, IconButton, SearchInput, Select } from '@gantry/ui'
import { ArrowDown, ArrowUp, Download } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { searchBox } from '@/features/shell/use-shortcuts.ts'
import type { LogOptions } from './log-view.tsx'

export function LogToolbar(props: {
  state: LogOptions
  container: ContainerInspect
  matches: number
  total: number
  onStep: (by: number) => void
}) {
  const t = useTranslations()
  const { options, setOptions } = props.state
  const download = `/download/logs?${new URLSearchParams({ projectId: props.container.projectId, container: props.container.id })}`
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b p-2">
      <div className="flex min-w-40 flex-1 items-center gap-1 sm:max-w-96">
        <SearchInput
          {...searchBox}
          label={t('log.search')}
          clearLabel={t('common.clear')}
          value={options.find}
          onValueChange={(find) => setOptions({ find })}
          onKeyDown={(event) => event.key === 'Enter' && props.onStep(event.shiftKey ? -1 : 1)}
          className="min-w-0 flex-1"
        />
        {options.find ? (
          <>
            <span className="tabular whitespace-nowrap text-muted text-xs" aria-live="polite">
              {t('log.matches', { count: props.matches })}
            </span>
            <IconButton size="icon-sm" label={t('terminal.previous')} onClick={() => props.onStep(-1)}>
              <ArrowUp aria-hidden />
            </IconButton>
            <IconButton size="icon-sm" label={t('terminal.next')} onClick={() => props.onStep(1)}>
              <ArrowDown aria-hidden />
            </IconButton>
          </>
        ) : null}
      </div>
      <Select
        aria-label={t('log.stream')}
        value={options.stream}
        onChange={(event) => setOptions({ stream: event.target.value as typeof options.stream })}
        className="w-auto"
      >
        <option value="both">{t('log.streamBoth')}</option>
        <option value="stdout">stdout</option>
        <option value="stderr">stderr</option>
      </Select>
      <Select
        aria-label={t('log.since')}
        value={options.since}
        onChange={(event) => setOptions({ since: event.target.value as typeof options.since })}
        className="w-auto"
      >
        <option value="all">{t('log.sinceAll')}</option>
        <option value="5m">{t('log.since5m')}</option>
        <option value="1h">{t('log.since1h')}</option>
        <option value="1d">{t('log.since1d')}</option>
      </Select>
      <CheckboxLabel checked={options.times} onChange={(event) => setOptions({ times: event.target.checked })}>
        {t('log.timestamps')}
      </CheckboxLabel>
      <CheckboxLabel checked={options.wrap} onChange={(event) => setOptions({ wrap: event.target.checked })}>
        {t('log.wrap')}
      </CheckboxLabel>
      <span className="tabular text-muted text-xs">{t('log.lines', { count: props.total })}</span>
      <Button asChild size="sm" className="ml-auto">
        <a href={download} download>
          <Download aria-hidden />
          {t('log.downloadAll')}
        </a>
      </Button>
    </div>
  )
}
