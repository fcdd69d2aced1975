'use client'
import { type ContainerInspect, can } from '@gantry/contracts'
import { Button, cn, Dialog, EmptyState, Field, IconButton, Input, LoadingRows, Menu, MenuItem } from '@gantry/ui'
import { useMutation } from '@tanstack/react-query'
import { Plus, SquareTerminal, X } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { splitWords } from '@/lib/shell-words.ts'
import { useTRPC } from '@/lib/trpc.ts'
import { TerminalView } from './terminal-view.tsx'
import { usePreferences } from './use-preferences.ts'
import { useTerminalTabs } from './use-terminal-tabs.ts'

/** The shells of a container. Leaving the page leaves them running. */
export function TerminalPane({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const refusal = useRefusal(container.projectId, 'developer')
  if (refusal) return <EmptyState icon={<SquareTerminal />} title={t('terminal.needsRole')} />
  if (!can('exec', container.state.status))
    return (
      <EmptyState icon={<SquareTerminal />} title={t('detail.notRunning')}>
        {t('detail.notRunningHint')}
      </EmptyState>
    )
  return <OpenPane container={container} />
}

function OpenPane({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const { tabs, loading, activate, add, close, reopen, setSession } = useTerminalTabs(container.projectId, container.id)
  const hangUp = useMutation(trpc.terminal.close.mutationOptions())
  const preferences = usePreferences()
  const [visited, setVisited] = useState<ReadonlySet<string>>(new Set())
  if (!loading && tabs.active && !visited.has(tabs.active)) setVisited(new Set([...visited, tabs.active]))
  if (loading) return <LoadingRows label={t('common.loading')} rows={3} />
  return (
    <div className="flex h-[max(320px,calc(100dvh-17rem))] flex-col overflow-hidden rounded-lg border">
      <div className="flex items-center gap-1 overflow-x-auto border-b bg-sunken px-1 pt-1">
        {tabs.tabs.map((tab) => {
          const name = tab.command || t('terminal.tab', { n: tab.number })
          return (
            <div
              key={tab.key}
              className={cn(
                'flex shrink-0 items-center rounded-t-md border-x border-t',
                tab.key === tabs.active ? 'bg-surface' : 'border-transparent',
              )}
            >
              <button
                type="button"
                aria-pressed={tab.key === tabs.active}
                onClick={() => activate(tab.key)}
                className={cn('h-7 max-w-44 truncate px-2 text-xs', tab.key === tabs.active ? 'font-medium' : 'text-muted')}
              >
                {name}
              </button>
              <button
                type="button"
                aria-label={t('terminal.closeTab', { name })}
                onClick={() => {
                  if (tab.sessionId) hangUp.mutate({ projectId: container.projectId, sessionId: tab.sessionId })
                  close(tab.key)
                }}
                className="mr-1 grid size-6 place-items-center rounded-sm text-muted hover:bg-hover [&_svg]:size-3"
              >
                <X aria-hidden />
              </button>
            </div>
          )
        })}
        <NewTabMenu onOpen={add} />
      </div>
      {tabs.tabs
        .filter((tab) => visited.has(tab.key))
        .map((tab) => (
          <TerminalView
            key={tab.key}
            shown={tab.key === tabs.active}
            label={t('terminal.label', { name: container.name })}
            target={{
              projectId: container.projectId,
              container: container.id,
              sessionId: tab.sessionId,
              command: tab.command ? (splitWords(tab.command) ?? undefined) : undefined,
            }}
            preferences={preferences}
            onSession={(id) => setSession(tab.key, id)}
            onReopen={() => reopen(tab.key)}
          />
        ))}
      {tabs.tabs.length === 0 ? (
        <EmptyState
          icon={<SquareTerminal />}
          title={t('terminal.closed')}
          action={<Button onClick={() => add('')}>{t('terminal.newTab')}</Button>}
        />
      ) : null}
    </div>
  )
}

function NewTabMenu({ onOpen }: { onOpen: (command: string) => void }) {
  const t = useTranslations()
  const [custom, setCustom] = useState<string | null>(null)
  const words = custom === null ? null : splitWords(custom)
  return (
    <>
      <Menu
        align="start"
        trigger={
          <IconButton size="icon-sm" label={t('terminal.newTab')}>
            <Plus aria-hidden />
          </IconButton>
        }
      >
        <MenuItem onSelect={() => onOpen('')}>{t('terminal.shellAuto')}</MenuItem>
        <MenuItem onSelect={() => onOpen('sh')}>sh</MenuItem>
        <MenuItem onSelect={() => onOpen('bash')}>bash</MenuItem>
        <MenuItem onSelect={() => setCustom('')}>{t('terminal.shellCustom')}</MenuItem>
      </Menu>
      <Dialog
        open={custom !== null}
        onOpenChange={(open) => !open && setCustom(null)}
        title={t('terminal.newTab')}
        closeLabel={t('common.close')}
      >
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (!custom || !words?.length) return
            onOpen(custom)
            setCustom(null)
          }}
        >
          <Field label={t('terminal.customCommand')} error={words === null ? t('create.commandQuote') : undefined}>
            <Input
              value={custom ?? ''}
              onChange={(event) => setCustom(event.target.value)}
              autoFocus
              spellCheck={false}
              className="font-mono"
            />
          </Field>
          <div className="mt-4 flex justify-end">
            <Button type="submit" variant="primary" disabled={!words?.length}>
              {t('terminal.run')}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
