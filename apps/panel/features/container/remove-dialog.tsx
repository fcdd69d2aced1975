'use client'
import { ConfirmDialog } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { type ContainerTarget, useContainerVerb } from './use-container-verb.ts'

/** Asks before a container is removed; a running one is killed first, and its name must be typed. */
export function RemoveDialog(props: {
  target: ContainerTarget
  running: boolean
  onOpenChange: (open: boolean) => void
  onRemoved?: () => void
}) {
  const t = useTranslations()
  const apply = useContainerVerb()
  const { target, running, onOpenChange } = props
  return (
    <ConfirmDialog
      open
      onOpenChange={onOpenChange}
      title={t('container.removeTitle', { name: target.name })}
      confirmLabel={t('common.remove')}
      cancelLabel={t('common.cancel')}
      pending={apply.isPending}
      {...(running
        ? {
            typed: {
              word: target.name,
              label: t.rich('common.typeToConfirm', { word: target.name, b: (text) => <b className="text-fg">{text}</b> }),
            },
          }
        : {})}
      onConfirm={() =>
        apply.mutate(
          { verb: 'remove', target },
          {
            onSuccess: () => {
              onOpenChange(false)
              props.onRemoved?.()
            },
          },
        )
      }
    >
      {t('container.removeBody')}
    </ConfirmDialog>
  )
}
