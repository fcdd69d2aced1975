'use client'
import { Button, Dialog, StatusDot } from '@gantry/ui'
import { useMutation } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { useSession } from '@/features/shell/session.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { useTRPCClient } from '@/lib/trpc.ts'

/** Walks the whole chain on the server and says whether it is whole. */
export function VerifyAudit() {
  const t = useTranslations()
  const client = useTRPCClient()
  const user = useSession()
  const verify = useMutation({ mutationFn: () => client.audit.verify.query() })
  const result = verify.data
  return (
    <>
      <Button
        disabled={!user.hostAdmin}
        title={user.hostAdmin ? undefined : t('audit.verifiedOnly')}
        pending={verify.isPending}
        onClick={() => verify.mutate()}
      >
        <ShieldCheck aria-hidden />
        {t('audit.verify')}
      </Button>
      <Dialog
        open={verify.isSuccess || verify.isError}
        onOpenChange={(open) => !open && verify.reset()}
        title={t('audit.verify')}
        closeLabel={t('common.close')}
      >
        {verify.error ? <ErrorNotice error={verify.error} /> : null}
        {result ? (
          <>
            <StatusDot tone={result.ok ? 'ok' : 'bad'} shape={result.ok ? 'disc' : 'triangle'}>
              <span className="font-medium">{result.ok ? t('audit.verified', { count: result.entries }) : t('audit.broken')}</span>
            </StatusDot>
            <p className="mt-2 break-all font-mono text-muted text-xs">{result.headHash}</p>
            <ul className="mt-3 list-disc pl-5 text-[13px]">
              {result.problems.map((problem) => (
                <li key={`${problem.seq}${problem.problem}`}>
                  {t('audit.problem', { seq: problem.seq.toString(), problem: problem.problem })}
                </li>
              ))}
            </ul>
            <p className="mt-3 font-mono text-muted text-xs">gantry audit verify</p>
          </>
        ) : null}
      </Dialog>
    </>
  )
}
