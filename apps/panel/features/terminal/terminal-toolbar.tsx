'use client'
import { copyText, IconButton, Input, toast } from '@gantry/ui'
import { Accessibility, AArrowDown, AArrowUp, ArrowDown, ArrowUp, ClipboardCopy, ClipboardPaste, Search, X } from 'lucide-react'
import { type RefObject, useState } from 'react'
import { useTranslations } from 'use-intl'
import type { Emulator } from './emulator.ts'
import type { TerminalPreferences } from './use-preferences.ts'

/** Search, clipboard, text size. */
export function TerminalToolbar({ emulator, preferences }: { emulator: RefObject<Emulator | null>; preferences: TerminalPreferences }) {
  const t = useTranslations('terminal')
  const [searching, setSearching] = useState(false)
  async function paste() {
    try {
      emulator.current?.terminal.paste(await navigator.clipboard.readText())
      emulator.current?.terminal.focus()
    } catch {
      toast.info(t('pasteBlocked'))
    }
  }
  return (
    <div role="toolbar" aria-label={t('toolbar')} className="flex items-center">
      {searching ? <SearchBox emulator={emulator} onClose={() => setSearching(false)} /> : null}
      <IconButton size="icon-sm" label={t('search')} aria-expanded={searching} onClick={() => setSearching(!searching)}>
        <Search aria-hidden />
      </IconButton>
      <IconButton size="icon-sm" label={t('copy')} onClick={() => copyText(emulator.current?.terminal.getSelection() ?? '')}>
        <ClipboardCopy aria-hidden />
      </IconButton>
      <IconButton size="icon-sm" label={t('paste')} onClick={paste}>
        <ClipboardPaste aria-hidden />
      </IconButton>
      <IconButton size="icon-sm" label={t('smaller')} onClick={preferences.smaller}>
        <AArrowDown aria-hidden />
      </IconButton>
      <IconButton size="icon-sm" label={t('larger')} onClick={preferences.larger}>
        <AArrowUp aria-hidden />
      </IconButton>
      <IconButton
        size="icon-sm"
        label={t('screenReader')}
        aria-pressed={preferences.screenReader}
        className={preferences.screenReader ? 'text-accent' : ''}
        onClick={() => preferences.setScreenReader(!preferences.screenReader)}
      >
        <Accessibility aria-hidden />
      </IconButton>
    </div>
  )
}

function SearchBox({ emulator, onClose }: { emulator: RefObject<Emulator | null>; onClose: () => void }) {
  const t = useTranslations()
  const [text, setText] = useState('')
  const find = (forward: boolean) => {
    const search = emulator.current?.search
    if (forward) search?.findNext(text)
    else search?.findPrevious(text)
  }
  const close = () => {
    emulator.current?.search.clearDecorations()
    emulator.current?.terminal.focus()
    onClose()
  }
  return (
    <div className="mr-1 flex items-center">
      <Input
        aria-label={t('terminal.search')}
        value={text}
        autoFocus
        className="h-7 w-36"
        onChange={(event) => {
          setText(event.target.value)
          emulator.current?.search.findNext(event.target.value, { incremental: true })
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') find(!event.shiftKey)
          else if (event.key === 'Escape') close()
        }}
      />
      <IconButton size="icon-sm" label={t('terminal.previous')} onClick={() => find(false)}>
        <ArrowUp aria-hidden />
      </IconButton>
      <IconButton size="icon-sm" label={t('terminal.next')} onClick={() => find(true)}>
        <ArrowDown aria-hidden />
      </IconButton>
      <IconButton size="icon-sm" label={t('common.close')} onClick={close}>
        <X aria-hidden />
      </IconButton>
    </div>
  )
}
