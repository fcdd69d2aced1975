'use client'
import { passwordSchema } from '@gantry/contracts'
import { Badge, Button, Card, CardBody, CardHeader, Facts, Field, LoadingRows, PageHeader, Table, Td, Th, Tr } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { PasswordInput } from '@/features/auth/password-input.tsx'
import { useSession } from '@/features/shell/session.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { Ago } from '@/lib/time.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { browserName } from './browser-name.ts'

/** The user's own account: password and sessions. */
export function AccountPage() {
  const t = useTranslations()
  const user = useSession()
  return (
    <>
      <PageHeader title={t('account.title')} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card aria-label={t('account.profile')}>
          <CardHeader title={t('account.profile')} />
          <CardBody>
            <Facts
              items={[
                [t('user.name'), user.name],
                [t('user.email'), user.email],
                [t('user.hostAdmin'), user.hostAdmin ? t('common.yes') : t('common.no')],
              ]}
            />
          </CardBody>
        </Card>
        <PasswordCard />
      </div>
      <Sessions />
    </>
  )
}

function PasswordCard() {
  const t = useTranslations('account')
  const trpc = useTRPC()
  const client = useTRPCClient()
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const issue = next === '' ? undefined : passwordSchema.safeParse(next).error?.issues[0]?.message
  const change = useAct({
    run: client.auth.changePassword.mutate,
    done: () => ({ title: t('changed') }),
    changes: [trpc.auth.sessions.pathFilter()],
    tellError: false,
  })
  return (
    <Card aria-label={t('password')}>
      <CardHeader title={t('password')} />
      <CardBody>
        <form
          noValidate
          className="flex flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault()
            change.mutate(
              { currentPassword: current, newPassword: next },
              {
                onSuccess: () => {
                  setCurrent('')
                  setNext('')
                },
              },
            )
          }}
        >
          <Field label={t('current')}>
            <PasswordInput autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.target.value)} />
          </Field>
          <Field label={t('new')} error={issue}>
            <PasswordInput autoComplete="new-password" value={next} onChange={(event) => setNext(event.target.value)} />
          </Field>
          {change.error ? <ErrorNotice error={change.error} /> : null}
          <Button
            type="submit"
            variant="primary"
            className="self-end"
            pending={change.isPending}
            disabled={current === '' || next === '' || issue !== undefined}
          >
            {t('password')}
          </Button>
        </form>
      </CardBody>
    </Card>
  )
}

function Sessions() {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const sessions = useQuery(trpc.auth.sessions.queryOptions())
  const revoke = useAct({
    run: client.auth.revokeSession.mutate,
    done: () => ({ title: t('account.revoked') }),
    changes: [trpc.auth.sessions.pathFilter()],
  })
  return (
    <Card className="mt-4">
      <CardHeader title={t('account.sessions')} />
      {sessions.error && !sessions.data ? <ErrorNotice error={sessions.error} onRetry={() => sessions.refetch()} className="m-3" /> : null}
      {sessions.isPending ? <LoadingRows label={t('common.loading')} rows={2} /> : null}
      {sessions.data ? (
        <Table label={t('account.sessions')}>
          <thead>
            <tr>
              <Th>{t('account.browser')}</Th>
              <Th>{t('account.address')}</Th>
              <Th>{t('account.lastSeen')}</Th>
              <Th className="max-sm:hidden">{t('account.expires')}</Th>
              <Th>
                <span className="sr-only">{t('common.actions')}</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {sessions.data.map((session) => (
              <Tr key={session.id}>
                <Td title={session.userAgent}>
                  {browserName(session.userAgent)} {session.current ? <Badge tone="accent">{t('account.thisOne')}</Badge> : null}
                </Td>
                <Td className="font-mono text-xs">{session.address}</Td>
                <Td>
                  <Ago time={session.lastSeenAt} />
                </Td>
                <Td className="max-sm:hidden">
                  <Ago time={session.expiresAt} />
                </Td>
                <Td className="text-right">
                  {session.current ? null : (
                    <Button size="sm" variant="danger-ghost" disabled={revoke.isPending} onClick={() => revoke.mutate({ id: session.id })}>
                      {t('account.revoke')}
                    </Button>
                  )}
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      ) : null}
    </Card>
  )
}
