'use client'
import { type HostPolicy, memberRoles } from '@gantry/contracts'
import { Button, Card, CardBody, CardHeader, CheckboxLabel, EmptyState, LoadingRows, PageHeader } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { MemberPolicyCard } from './member-policy-card.tsx'
import { policyValues, readPolicy } from './policy-values.ts'

/** What members may ask of the machine: folders, capabilities, ports. For host administrators. */
export function HostPolicyPage() {
  const t = useTranslations()
  const trpc = useTRPC()
  const user = useSession()
  const policy = useQuery(trpc.host.policy.queryOptions(undefined, { enabled: user.hostAdmin }))
  if (!user.hostAdmin)
    return (
      <>
        <PageHeader title={t('policy.title')} />
        <EmptyState icon={<ShieldCheck />} title={t('common.hostAdminOnly')} />
      </>
    )
  return (
    <>
      <PageHeader title={t('policy.title')} description={t('policy.intro')} />
      {policy.error && !policy.data ? <ErrorNotice error={policy.error} onRetry={() => policy.refetch()} /> : null}
      {policy.isPending ? <LoadingRows label={t('common.loading')} /> : null}
      {policy.data ? <PolicyForm key={JSON.stringify(policy.data)} policy={policy.data} /> : null}
    </>
  )
}

function PolicyForm({ policy }: { policy: HostPolicy }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const before = policyValues(policy)
  const [values, setValues] = useState(before)
  const read = readPolicy(values)
  const save = useAct({
    run: client.host.setPolicy.mutate,
    done: () => ({ title: t('policy.saved') }),
    changes: [trpc.host.policy.pathFilter()],
    tellError: false,
  })
  const changed = JSON.stringify(values) !== JSON.stringify(before)
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        if (read.ok) save.mutate(read.policy)
      }}
      className="flex flex-col gap-4"
    >
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {memberRoles.map((role) => (
          <MemberPolicyCard
            key={role}
            role={role}
            values={values[role]}
            errors={read.ok ? {} : read.errors}
            given={read.ok ? read.policy[role] : undefined}
            onChange={(changes) => setValues({ ...values, [role]: { ...values[role], ...changes } })}
          />
        ))}
      </div>
      <Card aria-label={t('policy.hostAdmins')}>
        <CardHeader title={t('policy.hostAdmins')} />
        <CardBody>
          <CheckboxLabel
            hint={t('policy.hostAccessHint')}
            checked={values.hostAccess}
            onChange={(event) => setValues({ ...values, hostAccess: event.target.checked })}
          >
            {t('policy.hostAccess')}
          </CheckboxLabel>
        </CardBody>
      </Card>
      {save.error ? <ErrorNotice error={save.error} /> : null}
      <div className="flex justify-end gap-2">
        <Button disabled={!changed} onClick={() => setValues(before)}>
          {t('policy.reset')}
        </Button>
        <Button type="submit" variant="primary" disabled={!changed || !read.ok} pending={save.isPending}>
          {t('common.save')}
        </Button>
      </div>
    </form>
  )
}
