'use client'
import type { Project } from '@gantry/contracts'
import { Button, Card, CardBody, CardHeader } from '@gantry/ui'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { LimitInputs } from './limit-fields.tsx'
import { limitTexts, readLimits } from './limit-text.ts'

/** The limits, changed by host administrators only; others read them. */
export function ProjectLimitsCard({ project }: { project: Project }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const user = useSession()
  const before = limitTexts(project.limits)
  const [texts, setTexts] = useState(before)
  const read = readLimits(texts)
  const save = useAct({
    run: client.project.setLimits.mutate,
    done: () => ({ title: t('project.limitsSaved', { name: project.name }) }),
    changes: [trpc.project.pathFilter(), trpc.dashboard.pathFilter()],
    tellError: false,
  })
  const changed = JSON.stringify(texts) !== JSON.stringify(before)
  return (
    <Card aria-label={t('project.limits')}>
      <CardHeader title={t('project.limits')}>{t('project.limitsHint')}</CardHeader>
      <CardBody>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (read.ok) save.mutate({ projectId: project.id, limits: read.limits })
          }}
          className="flex flex-col gap-3"
        >
          <LimitInputs values={texts} errors={read.ok ? {} : read.errors} disabled={!user.hostAdmin} onChange={setTexts} />
          {save.error ? <ErrorNotice error={save.error} /> : null}
          {user.hostAdmin ? (
            <Button type="submit" variant="primary" className="self-end" disabled={!changed || !read.ok} pending={save.isPending}>
              {t('common.save')}
            </Button>
          ) : (
            <p className="text-muted text-xs">{t('common.hostAdminOnly')}</p>
          )}
        </form>
      </CardBody>
    </Card>
  )
}
