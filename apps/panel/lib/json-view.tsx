'use client'
import { Card, CopyButton, SearchInput } from '@gantry/ui'
import { useDeferredValue, useMemo, useState } from 'react'
import { useTranslations } from 'use-intl'
import { markMatches } from '@/features/log/ansi.ts'

/** Any value as indented JSON, with search and copy. With a search only the lines that hold it are shown. */
export function JsonView({ value, label }: { value: unknown; label: string }) {
  const t = useTranslations()
  const [query, setQuery] = useState('')
  const needle = useDeferredValue(query)
  const text = useMemo(() => JSON.stringify(value, null, 2), [value])
  const lines = useMemo(() => text.split('\n').filter((line) => line.toLowerCase().includes(needle.toLowerCase())), [text, needle])
  return (
    <Card>
      <div className="flex items-center gap-2 border-b p-2">
        <SearchInput
          label={t('inspect.searchJson')}
          clearLabel={t('common.clear')}
          value={query}
          onValueChange={setQuery}
          className="w-full sm:max-w-72"
        />
        <div className="flex-1" />
        <CopyButton text={text} label={t('common.copy')} doneLabel={t('common.copied')} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section aria-label={label} tabIndex={0} className="max-h-[65dvh] overflow-auto bg-sunken p-3 font-mono text-xs leading-5">
        {lines.map((line, index) => (
          <div key={index.toString()} className="whitespace-pre-wrap break-all">
            {markMatches([{ text: line, className: '' }], needle).map((piece, at) =>
              piece.match ? (
                <mark key={at.toString()} className="rounded-sm bg-warn text-bg">
                  {piece.text}
                </mark>
              ) : (
                piece.text
              ),
            )}
          </div>
        ))}
        {lines.length === 0 ? t('common.nothingFound') : null}
      </section>
    </Card>
  )
}
