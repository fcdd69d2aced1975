'use client'
import { Dialog, Kbd } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { navigation } from './navigation.ts'

export function ShortcutHelp({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const t = useTranslations()
  const rows: [keys: string[], text: string][] = [
    [['Ctrl', 'K'], t('keys.palette')],
    [['/'], t('keys.search')],
    [['c'], t('keys.new')],
    [['↑', '↓'], t('keys.rows')],
    [['Enter'], t('keys.openRow')],
    [['Space'], t('keys.selectRow')],
    [['?'], t('keys.help')],
    ...navigation.map((page) => [['g', page.key], t(page.text)] as [string[], string]),
  ]
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t('keys.title')} closeLabel={t('common.close')}>
      <dl className="grid grid-cols-[max-content_1fr] items-center gap-x-4 gap-y-1.5 text-[13px]">
        {rows.map(([keys, text]) => (
          <div key={keys.join(' ')} className="contents">
            <dt className="flex gap-1">
              {keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
