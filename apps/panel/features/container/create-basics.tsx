'use client'
import { CheckboxLabel } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useFormContext } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { useTRPC } from '@/lib/trpc.ts'
import type { CreateValues } from './create-values.ts'
import { TextField } from './text-field.tsx'

export function BasicFields({ projectId }: { projectId: string }) {
  const t = useTranslations('create')
  const trpc = useTRPC()
  const { register, watch } = useFormContext<CreateValues>()
  const images = useQuery(trpc.image.list.queryOptions({ projectId }))
  const tags = [...new Set((images.data ?? []).flatMap((image) => image.tags))].sort()
  const image = watch('image').trim()
  const known =
    !images.data ||
    image === '' ||
    tags.some((tag) => tag === image || tag === `${image}:latest`) ||
    image.includes('@') ||
    /^[0-9a-f]{12,}$/.test(image)
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <TextField
        name="image"
        label={t('image')}
        required
        hint={known ? t('imageHint') : <span className="text-warn">{t('imageNone')}</span>}
        list="image-suggestions"
        mono
      />
      <datalist id="image-suggestions">
        {tags.map((tag) => (
          <option key={tag} value={tag} />
        ))}
      </datalist>
      <TextField name="name" label={t('name')} hint={t('nameHint')} />
      <TextField name="command" label={t('command')} hint={t('commandHint')} placeholder="sh" mono className="sm:col-span-2" />
      <div className="sm:col-span-2">
        <CheckboxLabel hint={t('interactiveHint')} {...register('interactive')}>
          {t('interactive')}
        </CheckboxLabel>
      </div>
    </div>
  )
}
