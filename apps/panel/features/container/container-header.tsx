'use client'
import { type ContainerInspect, can } from '@gantry/contracts'
import { Badge, Button, CopyButton, IconButton, Menu, MenuItem, PageHeader, StatusDot, Tooltip } from '@gantry/ui'
import { Ellipsis, Pencil } from 'lucide-react'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { shortId } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'
import { portText } from './port-text.ts'
import { RemoveDialog } from './remove-dialog.tsx'
import { RenameDialog } from './rename-dialog.tsx'
import { ContainerStatusText } from './status.tsx'
import { useContainerVerb } from './use-container-verb.ts'
import { useRefusal } from './use-role.ts'
import { mayApply, type SimpleVerb, verbIcon } from './verbs.ts'

const direct: readonly SimpleVerb[] = ['start', 'stop', 'restart']

/** Name, state and the verbs; those that cannot be done now say why. */
export function ContainerHeader({ container }: { container: ContainerInspect }) {
  const t = useTranslations()
  return (
    <>
      <PageHeader
        eyebrow={
          <Link href={`/containers?project=${container.projectId}`} className="hover:underline">
            {t('container.title')}
          </Link>
        }
        title={container.name}
        description={<HeaderFacts container={container} />}
        actions={<HeaderActions container={container} />}
      />
      {container.warnings.length > 0 ? (
        <section aria-label={t('detail.warnings')} className="mb-3 rounded-md border border-warn/40 bg-warn-soft px-3 py-2 text-[13px]">
          <StatusDot tone="warn" shape="triangle">
            <span className="font-medium">{t('detail.warnings')}</span>
          </StatusDot>
          <ul className="mt-1 list-disc pl-8">
            {container.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </section>
      ) : null}
    </>
  )
}

function HeaderFacts({ container }: { container: ContainerInspect }) {
  const t = useTranslations('detail')
  const { state } = container
  const running = state.status === 'running' || state.status === 'paused'
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
      <ContainerStatusText state={state} />
      <span className="font-mono text-xs">{container.image}</span>
      <span className="inline-flex items-center font-mono text-xs">
        {shortId(container.id)}
        <CopyId id={container.id} />
      </span>
      {running ? (
        <span>
          {t('startedAgo')} <Ago time={state.startedAt} />
        </span>
      ) : state.finishedAt ? (
        <span>
          {t('finishedAgo')} <Ago time={state.finishedAt} />
        </span>
      ) : null}
      {state.restartCount > 0 ? <Badge>{t('restarts', { count: state.restartCount })}</Badge> : null}
      {[...new Set(container.ports.map(portText))].slice(0, 4).map((text) => (
        <Badge key={text} tone="accent" className="font-mono">
          {text}
        </Badge>
      ))}
    </div>
  )
}

function CopyId({ id }: { id: string }) {
  const t = useTranslations('common')
  return <CopyButton text={id} label={`${t('copy')} ID`} doneLabel={t('copied')} />
}

function HeaderActions({ container }: { container: ContainerInspect }) {
  const t = useTranslations('container')
  const router = useRouter()
  const apply = useContainerVerb()
  const refusal = useRefusal(container.projectId, 'developer')
  const [dialog, setDialog] = useState<'remove' | 'rename' | null>(null)
  const { status } = container.state
  const reason = (possible: boolean) => refusal ?? (possible ? undefined : t('notInStatus', { status: t(`status.${status}`) }))
  const inMenu: SimpleVerb[] = ['pause', 'unpause', 'kill']
  const closed = (open: boolean) => !open && setDialog(null)
  return (
    <>
      {direct.map((verb) => {
        const Icon = verbIcon[verb]
        const why = reason(mayApply(verb, status))
        const pending = apply.isPending && apply.variables.verb === verb
        return (
          <Tooltip key={verb} content={why}>
            <span className="inline-flex">
              <Button
                variant={verb === 'start' && !why ? 'primary' : 'secondary'}
                disabled={why !== undefined}
                pending={pending}
                onClick={() => apply.mutate({ verb, target: container })}
              >
                {pending ? null : <Icon aria-hidden />}
                {t(`verb.${verb}`)}
              </Button>
            </span>
          </Tooltip>
        )
      })}
      <Menu
        trigger={
          <IconButton label={t('rowMenu', { name: container.name })} variant="secondary">
            <Ellipsis aria-hidden />
          </IconButton>
        }
      >
        {inMenu.map((verb) => {
          const Icon = verbIcon[verb]
          const why = reason(mayApply(verb, status))
          return (
            <MenuItem key={verb} disabled={why !== undefined} reason={why} onSelect={() => apply.mutate({ verb, target: container })}>
              <Icon aria-hidden />
              {t(`verb.${verb}`)}
            </MenuItem>
          )
        })}
        <MenuItem
          disabled={reason(can('rename', status)) !== undefined}
          reason={reason(can('rename', status))}
          onSelect={() => setDialog('rename')}
        >
          <Pencil aria-hidden />
          {t('verb.rename')}
        </MenuItem>
        <MenuItem danger disabled={refusal !== undefined} reason={refusal} onSelect={() => setDialog('remove')}>
          <verbIcon.remove aria-hidden />
          {t('verb.remove')}
        </MenuItem>
      </Menu>
      {dialog === 'rename' ? <RenameDialog target={container} onOpenChange={closed} /> : null}
      {dialog === 'remove' ? (
        <RemoveDialog
          target={container}
          running={can('kill', status)}
          onOpenChange={closed}
          onRemoved={() => router.push(`/containers?project=${container.projectId}`)}
        />
      ) : null}
    </>
  )
}
