'use client'
import { Button, Card, CardBody, CardHeader, PageHeader } from '@gantry/ui'
import { useRouter } from 'next/navigation'
import { useMemo } from 'react'
import { FormProvider, useForm } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { useProject } from '@/features/shell/project-context.tsx'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { AdvancedFields } from './create-advanced.tsx'
import { BasicFields } from './create-basics.tsx'
import { CreateAside } from './create-aside.tsx'
import { EnvironmentFields, MountFields, PortFields } from './create-lists.tsx'
import { LimitFields } from './create-limits.tsx'
import { NetworkFields } from './create-network.tsx'
import { type CreateValues, emptyValues } from './create-values.ts'
import { useCreateContainer } from './use-create-container.ts'
import { useCreateResolver } from './use-create-resolver.ts'
import { useRefusal } from './use-role.ts'

/** The form for a new container; after "create and start" its shell is one look away. */
export function CreateForm({ image }: { image: string }) {
  const t = useTranslations()
  const project = useProject()
  const router = useRouter()
  const refusal = useRefusal(project.id, 'developer')
  const resolver = useCreateResolver()
  const defaultValues = useMemo(() => ({ ...emptyValues, image: image || 'busybox' }), [image])
  const form = useForm<CreateValues>({ resolver, defaultValues, mode: 'onTouched' })
  const create = useCreateContainer(project.id, form)
  const submit = (start: boolean) =>
    form.handleSubmit(async (values) => {
      // a refusal is shown beside the form by the hook
      const made = await create.mutateAsync({ values, start }).catch(() => null)
      if (made)
        router.push(`/containers/${made.id}?project=${project.id}&tab=${start && made.startError === null ? 'terminal' : 'inspect'}`)
    })
  const sections = [
    [t('create.basics'), undefined, <BasicFields key="b" projectId={project.id} />],
    [t('create.limits'), t('create.limitsHint'), <LimitFields key="l" />],
    [t('create.env'), undefined, <EnvironmentFields key="e" />],
    [t('create.ports'), undefined, <PortFields key="p" />],
    [t('create.mounts'), undefined, <MountFields key="m" projectId={project.id} />],
    [t('create.network'), undefined, <NetworkFields key="n" projectId={project.id} />],
  ] as const
  return (
    <FormProvider {...form}>
      <PageHeader title={t('create.title')} description={t('create.description', { project: project.name })} />
      <form onSubmit={submit(true)} noValidate className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_360px]">
        <div className="flex min-w-0 flex-col gap-4">
          {sections.map(([title, hint, fields]) => (
            <Card key={title} aria-label={title}>
              <CardHeader title={title}>{hint}</CardHeader>
              <CardBody>{fields}</CardBody>
            </Card>
          ))}
          <AdvancedFields />
        </div>
        <div className="flex min-w-0 flex-col gap-4 lg:sticky lg:top-16">
          <CreateAside project={project} />
          {create.error ? <ErrorNotice error={create.error} /> : null}
          {refusal ? <p className="text-[13px] text-muted">{refusal}</p> : null}
          <div className="flex flex-wrap gap-2">
            <Button
              type="submit"
              variant="primary"
              size="lg"
              className="flex-1"
              pending={create.isPending}
              disabled={refusal !== undefined}
            >
              {t('create.createStart')}
            </Button>
            <Button size="lg" disabled={create.isPending || refusal !== undefined} onClick={() => submit(false)()}>
              {t('create.createOnly')}
            </Button>
          </div>
        </div>
      </form>
    </FormProvider>
  )
}
