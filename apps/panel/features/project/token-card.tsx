'use client'
import { type Project, type ProjectToken, roles } from '@gantry/contracts'
import { Badge, Button, Card, CardHeader, ConfirmDialog, IconButton, StatusDot } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { KeyRound, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { DataList } from '@/lib/data-list.tsx'
import { Ago } from '@/lib/time.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { useOpenDialog } from '@/lib/use-open-dialog.ts'
import { CreateTokenDialog } from './create-token-dialog.tsx'

/** Tokens that let Docker clients into the project; for its administrators. */
export function TokenCard({ project }: { project: Project }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const refusal = useRefusal(project.id, 'admin')
  const dialog = useOpenDialog(['token'])
  const tokens = useQuery(trpc.project.tokens.list.queryOptions({ projectId: project.id }, { enabled: refusal === undefined }))
  return (
    <Card id="tokens" aria-label={t('token.title')}>
      <CardHeader
        title={t('token.title')}
        actions={
          <Button disabled={refusal !== undefined} title={refusal} onClick={() => dialog.show('token')}>
            <KeyRound aria-hidden />
            {t('token.new')}
          </Button>
        }
      >
        {t('token.hint')}
      </CardHeader>
      {refusal === undefined ? (
        <TokenList project={project} query={tokens} />
      ) : (
        <p className="p-4 text-[13px] text-muted">{t('token.adminOnly')}</p>
      )}
      {dialog.open === 'token' && refusal === undefined ? <CreateTokenDialog project={project} onClose={dialog.close} /> : null}
    </Card>
  )
}

const isExpired = (token: ProjectToken) => token.expiresAt !== null && Date.parse(token.expiresAt) <= Date.now()

function TokenList({ project, query }: { project: Project; query: Parameters<typeof DataList<ProjectToken>>[0]['query'] }) {
  const t = useTranslations()
  return (
    <DataList<ProjectToken>
      bare
      scope="token"
      label={t('token.title')}
      searchLabel={t('token.search')}
      query={query}
      rowKey={(row) => row.id}
      text={(row) => `${row.name} ${row.createdBy ?? ''}`}
      filters={[
        {
          id: 'role',
          label: t('project.role'),
          options: roles.map((role) => ({ value: role, label: t(`role.${role}`), test: (row) => row.role === role })),
        },
      ]}
      empty={<p className="p-4 text-[13px] text-muted">{t('token.empty')}</p>}
      columns={[
        {
          id: 'name',
          header: t('token.name'),
          sort: (row) => row.name,
          cell: (row) => <span className="font-medium">{row.name}</span>,
        },
        {
          id: 'role',
          header: t('project.role'),
          sort: (row) => roles.indexOf(row.role),
          cell: (row) => <Badge>{t(`role.${row.role}`)}</Badge>,
        },
        {
          id: 'state',
          header: t('token.state'),
          sort: (row) => row.expiresAt ?? '~',
          cell: (row) => <TokenState token={row} />,
        },
        {
          id: 'used',
          header: t('token.lastUsed'),
          sort: (row) => row.lastUsedAt ?? '',
          cell: (row) => (row.lastUsedAt ? <Ago time={row.lastUsedAt} /> : t('common.never')),
          className: 'max-sm:hidden',
        },
        {
          id: 'by',
          header: t('token.createdBy'),
          sort: (row) => row.createdBy ?? '',
          cell: (row) => row.createdBy ?? t('token.root'),
          className: 'max-md:hidden',
        },
        {
          id: 'revoke',
          header: t('common.actions'),
          cell: (row) => <RevokeToken token={row} projectId={project.id} />,
          className: 'w-10 text-right',
        },
      ]}
    />
  )
}

function TokenState({ token }: { token: ProjectToken }) {
  const t = useTranslations('token')
  if (isExpired(token))
    return (
      <StatusDot tone="neutral" shape="square">
        {t('expired')}
      </StatusDot>
    )
  return (
    <StatusDot tone="ok" shape="disc">
      {t('valid')} {token.expiresAt ? <Ago time={token.expiresAt} /> : null}
    </StatusDot>
  )
}

function RevokeToken({ token, projectId }: { token: ProjectToken; projectId: string }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [asking, setAsking] = useState(false)
  const { name } = token
  const revoke = useAct({
    run: client.project.tokens.revoke.mutate,
    done: () => ({ title: t('token.revoked', { name }) }),
    changes: [trpc.project.tokens.pathFilter()],
  })
  return (
    <>
      <IconButton size="icon-sm" label={t('token.revokeOne', { name })} onClick={() => setAsking(true)}>
        <Trash2 aria-hidden />
      </IconButton>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={t('token.revokeTitle', { name })}
        confirmLabel={t('token.revoke')}
        cancelLabel={t('common.cancel')}
        pending={revoke.isPending}
        onConfirm={() => revoke.mutate({ projectId, id: token.id }, { onSettled: () => setAsking(false) })}
      >
        {t('token.revokeBody')}
      </ConfirmDialog>
    </>
  )
}
