'use client'
import { emailSchema, type Member, type Project, type Role, roles } from '@gantry/contracts'
import { Button, Card, CardBody, CardHeader, ConfirmDialog, IconButton, Input, Select } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { UserMinus } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useRefusal } from '@/features/container/use-role.ts'
import { DataList } from '@/lib/data-list.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

/** Who is in the project and as what. */
export function MemberCard({ project }: { project: Project }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const refusal = useRefusal(project.id, 'admin')
  const [leaving, setLeaving] = useState<Member | null>(null)
  const members = useQuery(trpc.project.members.list.queryOptions({ projectId: project.id }))
  const changes = [trpc.project.members.pathFilter()]
  const setRole = useAct({
    run: client.project.members.setRole.mutate,
    done: (member) => ({ title: t('project.roleChanged', { name: member.name, role: t(`role.${member.role}`) }) }),
    changes,
  })
  const remove = useAct({
    run: client.project.members.remove.mutate,
    done: () => ({ title: t('project.memberRemoved', { name: leaving?.name ?? '' }) }),
    changes,
  })
  return (
    <Card>
      <CardHeader title={t('project.members')}>{t('project.roleHint')}</CardHeader>
      <DataList<Member>
        bare
        scope="member"
        label={t('project.members')}
        searchLabel={t('project.memberSearch')}
        query={members}
        rowKey={(row) => row.userId}
        text={(row) => `${row.name} ${row.email}`}
        filters={[
          {
            id: 'role',
            label: t('project.role'),
            options: roles.map((role) => ({ value: role, label: t(`role.${role}`), test: (row) => row.role === role })),
          },
        ]}
        empty={<p className="p-4 text-[13px] text-muted">{t('project.noMembers')}</p>}
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
          {
            id: 'role',
            header: t('project.role'),
            sort: (row) => roles.indexOf(row.role),
            cell: (row) => (
              <Select
                aria-label={`${t('project.role')}: ${row.name}`}
                value={row.role}
                disabled={refusal !== undefined}
                title={refusal}
                className="w-36"
                onChange={(event) => setRole.mutate({ projectId: project.id, userId: row.userId, role: event.target.value as Role })}
              >
                <RoleOptions />
              </Select>
            ),
          },
          {
            id: 'remove',
            header: t('common.actions'),
            cell: (row) => (
              <IconButton
                label={t('project.removeMember', { name: row.name })}
                disabled={refusal !== undefined}
                onClick={() => setLeaving(row)}
              >
                <UserMinus aria-hidden />
              </IconButton>
            ),
            className: 'w-10 text-right',
          },
        ]}
      />
      <CardBody className="border-t">
        <AddMember project={project} refusal={refusal} />
      </CardBody>
      <ConfirmDialog
        open={leaving !== null}
        onOpenChange={(open) => !open && setLeaving(null)}
        title={t('project.removeMember', { name: leaving?.name ?? '' })}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={remove.isPending}
        onConfirm={() => leaving && remove.mutate({ projectId: project.id, userId: leaving.userId }, { onSettled: () => setLeaving(null) })}
      >
        {t('project.removeMemberBody')}
      </ConfirmDialog>
    </Card>
  )
}

function RoleOptions() {
  const t = useTranslations('role')
  return roles.map((role) => (
    <option key={role} value={role}>
      {t(role)}
    </option>
  ))
}

function AddMember({ project, refusal }: { project: Project; refusal: string | undefined }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<Role>('developer')
  const add = useAct({
    run: client.project.members.add.mutate,
    done: (member) => ({ title: t('project.memberAdded', { name: member.name, role: t(`role.${member.role}`) }) }),
    changes: [trpc.project.members.pathFilter()],
    tellError: false,
  })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        add.mutate({ projectId: project.id, email, role }, { onSuccess: () => setEmail('') })
      }}
    >
      <div className="flex flex-wrap gap-2">
        <Input
          type="email"
          aria-label={t('project.memberEmail')}
          placeholder={t('project.memberEmail')}
          value={email}
          disabled={refusal !== undefined}
          onChange={(event) => setEmail(event.target.value)}
          className="min-w-48 flex-1 sm:max-w-80"
        />
        <Select
          aria-label={t('project.role')}
          value={role}
          disabled={refusal !== undefined}
          onChange={(event) => setRole(event.target.value as Role)}
          className="w-36"
        >
          <RoleOptions />
        </Select>
        <Button
          type="submit"
          variant="primary"
          pending={add.isPending}
          disabled={refusal !== undefined || !emailSchema.safeParse(email).success}
          title={refusal}
        >
          {t('project.addMember')}
        </Button>
      </div>
      {add.error ? <ErrorNotice error={add.error} className="mt-3" /> : null}
      {refusal ? <p className="mt-2 text-muted text-xs">{refusal}</p> : null}
    </form>
  )
}
