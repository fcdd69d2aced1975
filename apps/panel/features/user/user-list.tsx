'use client'
import { Badge, Button, EmptyState, PageHeader, StatusDot } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { Plus, Users } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { DataList } from '@/lib/data-list.tsx'
import { formatDuration } from '@/lib/format.ts'
import { Ago } from '@/lib/time.tsx'
import { type RouterOutputs, useTRPC } from '@/lib/trpc.ts'
import { useOpenDialog } from '@/lib/use-open-dialog.ts'
import { CreateUserDialog } from './create-user-dialog.tsx'
import { UserRowMenu } from './user-row-menu.tsx'

export type UserRow = RouterOutputs['user']['list'][number]

/** All accounts; for host administrators. */
export function UserList() {
  const t = useTranslations()
  const trpc = useTRPC()
  const me = useSession()
  const dialog = useOpenDialog(['new'])
  const query = useQuery(trpc.user.list.queryOptions(undefined, { enabled: me.hostAdmin }))
  if (!me.hostAdmin) return <EmptyState icon={<Users />} title={t('common.hostAdminOnly')} />
  return (
    <>
      <PageHeader
        title={t('user.title')}
        actions={
          <Button variant="primary" onClick={() => dialog.show('new')}>
            <Plus aria-hidden />
            {t('user.new')}
          </Button>
        }
      />
      <DataList<UserRow>
        label={t('user.title')}
        searchLabel={t('user.search')}
        query={query}
        rowKey={(row) => row.id}
        filters={[
          {
            id: 'status',
            label: t('user.status'),
            options: [
              { value: 'active', label: t('user.active'), test: (row) => !row.disabled },
              { value: 'disabled', label: t('user.disabled'), test: (row) => row.disabled },
            ],
          },
          {
            id: 'rights',
            label: t('user.rights'),
            options: [
              { value: 'admin', label: t('user.hostAdmin'), test: (row) => row.hostAdmin },
              { value: 'plain', label: t('user.plain'), test: (row) => !row.hostAdmin },
            ],
          },
        ]}
        text={(row) => `${row.name} ${row.email}`}
        empty={null}
        columns={[
          {
            id: 'name',
            header: t('user.name'),
            sort: (row) => row.name,
            cell: (row) => (
              <>
                <span className="font-medium">{row.name}</span>
                <span className="block text-muted text-xs">{row.email}</span>
              </>
            ),
          },
          { id: 'status', header: t('user.status'), sort: (row) => Number(row.disabled), cell: (row) => <UserStatus user={row} /> },
          {
            id: 'admin',
            header: t('user.hostAdmin'),
            sort: (row) => Number(!row.hostAdmin),
            cell: (row) => (row.hostAdmin ? <Badge tone="accent">{t('user.hostAdmin')}</Badge> : '–'),
            className: 'max-sm:hidden',
          },
          {
            id: 'lastSignIn',
            header: t('user.lastSignIn'),
            sort: (row) => row.lastSignInAt ?? '',
            cell: (row) => (row.lastSignInAt ? <Ago time={row.lastSignInAt} /> : t('common.never')),
            className: 'max-md:hidden',
          },
          {
            id: 'created',
            header: t('common.created'),
            sort: (row) => row.createdAt,
            cell: (row) => <Ago time={row.createdAt} />,
            className: 'max-md:hidden',
          },
          { id: 'menu', header: t('common.actions'), cell: (row) => <UserRowMenu user={row} />, className: 'w-10 text-right' },
        ]}
      />
      {dialog.open === 'new' ? <CreateUserDialog onClose={dialog.close} /> : null}
    </>
  )
}

function UserStatus({ user }: { user: UserRow }) {
  const t = useTranslations('user')
  if (user.disabled)
    return (
      <StatusDot tone="neutral" shape="square">
        {t('disabled')}
      </StatusDot>
    )
  if (user.lockedSeconds > 0)
    return (
      <StatusDot tone="warn" shape="triangle">
        {t('locked', { time: formatDuration(user.lockedSeconds) })}
      </StatusDot>
    )
  return (
    <StatusDot tone="ok" shape="disc">
      {t('active')}
    </StatusDot>
  )
}
