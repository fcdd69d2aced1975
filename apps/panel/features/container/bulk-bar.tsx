'use client'
import type { BulkResult } from '@gantry/contracts'
import { Button, ConfirmDialog, IconButton } from '@gantry/ui'
import { X } from 'lucide-react'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { BulkResultDialog } from './bulk-result-dialog.tsx'
import type { ContainerRow } from './container-columns.tsx'
import { useBulk } from './use-bulk.ts'
import { mayApply, type SimpleVerb, simpleVerbs, verbIcon } from './verbs.ts'

type Outcome = { verb: SimpleVerb; results: readonly BulkResult[]; names: ReadonlyMap<string, string> }

/** Floats over the list while something is selected. Each verb goes to those of the selection it can be applied to. */
export function BulkBar({ selected, onClear }: { selected: readonly ContainerRow[]; onClear: () => void }) {
  const t = useTranslations()
  const [asking, setAsking] = useState(false)
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const bulk = useBulk()
  const apply = (verb: SimpleVerb) => {
    const targets = selected.filter((row) => mayApply(verb, row.state.status))
    bulk.mutate(
      { verb, targets },
      {
        onSuccess: (results) => {
          setAsking(false)
          const names = new Map(targets.map((row) => [row.id, row.name]))
          if (results.some((result) => !result.ok)) setOutcome({ verb, results, names })
          else onClear()
        },
      },
    )
  }
  return (
    <>
      {selected.length > 0 ? (
        <section
          aria-label={t('container.bulkBar')}
          className="-translate-x-1/2 fixed bottom-4 left-1/2 z-30 flex max-w-[calc(100vw-24px)] flex-wrap items-center gap-1 rounded-lg border bg-raised p-1.5 shadow-pop max-md:bottom-18"
        >
          <span className="tabular px-2 text-[13px]" aria-live="polite">
            {t('common.selected', { count: selected.length })}
          </span>
          {simpleVerbs.map((verb) => {
            const Icon = verbIcon[verb]
            const possible = selected.some((row) => mayApply(verb, row.state.status))
            return (
              <Button
                key={verb}
                size="sm"
                variant={verb === 'remove' ? 'danger-ghost' : 'ghost'}
                disabled={!possible || bulk.isPending}
                onClick={() => (verb === 'remove' ? setAsking(true) : apply(verb))}
              >
                <Icon aria-hidden />
                <span className="max-sm:sr-only">{t(`container.verb.${verb}`)}</span>
              </Button>
            )
          })}
          <IconButton label={t('common.clear')} size="icon-sm" onClick={onClear}>
            <X aria-hidden />
          </IconButton>
        </section>
      ) : null}
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={t('container.removeManyTitle', { count: selected.length })}
        confirmLabel={t('common.remove')}
        cancelLabel={t('common.cancel')}
        pending={bulk.isPending}
        typed={{
          word: `${selected.length}`,
          label: t.rich('common.typeToConfirm', { word: `${selected.length}`, b: (text) => <b className="text-fg">{text}</b> }),
        }}
        onConfirm={() => apply('remove')}
      >
        {t('container.removeManyBody')}
      </ConfirmDialog>
      {outcome ? <BulkResultDialog {...outcome} onClose={() => setOutcome(null)} /> : null}
    </>
  )
}
