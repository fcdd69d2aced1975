'use client'
import type { AuditEntry } from '@gantry/contracts'
import { Dialog, Facts } from '@gantry/ui'
import { useLocale, useTranslations } from 'use-intl'
import { formatTime } from '@/lib/format.ts'
import { Outcome } from './audit-page.tsx'

export function AuditDetails({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  const t = useTranslations()
  const locale = useLocale()
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => !open && onClose()}
      title={t('audit.details', { seq: entry.seq.toString() })}
      closeLabel={t('common.close')}
    >
      <Facts
        items={[
          [t('audit.time'), `${formatTime(entry.time, locale)} (${entry.time})`],
          [t('audit.actor'), entry.actor],
          [t('audit.address'), entry.address],
          [
            t('audit.verb'),
            <span key="v" className="font-mono text-xs">
              {entry.verb}
            </span>,
          ],
          [t('audit.object'), entry.object],
          [t('audit.project'), entry.projectId ?? '–'],
          [t('audit.outcome'), <Outcome key="o" outcome={entry.outcome} />],
          [t('audit.error'), entry.error ?? '–'],
          [
            t('audit.hash'),
            <span key="h" className="break-all font-mono text-xs">
              {entry.hash}
            </span>,
          ],
          [
            t('audit.prevHash'),
            <span key="p" className="break-all font-mono text-xs">
              {entry.prevHash}
            </span>,
          ],
        ]}
      />
      <h3 className="mt-4 mb-1 font-medium text-[13px]">{t('audit.parameters')}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre tabIndex={0} className="max-h-72 overflow-auto whitespace-pre-wrap break-all rounded-md bg-sunken p-3 font-mono text-xs">
        {indented(entry.parameters)}
      </pre>
    </Dialog>
  )
}

/** The entry holds canonical JSON; people read it better with lines. */
function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    // shown as it is stored
    return json
  }
}
