'use client'
import { Button, type ButtonProps } from '@gantry/ui'
import { Plus } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'use-intl'
import { useProjects } from '@/features/shell/project-context.tsx'
import { useRefusal } from './use-role.ts'

/** The way to the form; for those who may not create it says why. */
export function NewContainerButton(props: Pick<ButtonProps, 'className' | 'variant'>) {
  const t = useTranslations('nav')
  const { project } = useProjects()
  const refusal = useRefusal(project?.id, 'developer')
  if (project && refusal !== undefined)
    return (
      <Button {...props} disabled title={refusal}>
        <Plus aria-hidden />
        {t('newContainer')}
      </Button>
    )
  return (
    <Button asChild {...props}>
      <Link href="/containers/new">
        <Plus aria-hidden />
        {t('newContainer')}
      </Link>
    </Button>
  )
}
