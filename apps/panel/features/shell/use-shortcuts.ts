'use client'
import { useRouter } from 'next/navigation'
import { useEffect, useRef } from 'react'
import { navigation } from './navigation.ts'
import { useSession } from './session.tsx'

/** Marks the page's search box: `/` focuses it. */
export const searchBox = { 'data-search-box': '' } as const

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('.xterm') !== null)

/** Ctrl/Cmd-K, `/`, `?`, `c` and `g` + letter. Nothing fires while a person types or a dialog is open. */
export function useShortcuts({ onPalette, onHelp }: { onPalette: () => void; onHelp: () => void }) {
  const router = useRouter()
  const user = useSession()
  const prefix = useRef(0)
  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      const inTerminal = event.target instanceof HTMLElement && event.target.closest('.xterm') !== null
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k' && !(inTerminal && event.ctrlKey)) {
        event.preventDefault()
        onPalette()
        return
      }
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        typing(event.target) ||
        document.querySelector('[role="dialog"],[role="alertdialog"]')
      )
        return
      const afterG = Date.now() - prefix.current < 1500
      prefix.current = event.key === 'g' ? Date.now() : 0
      const page = afterG ? navigation.find((entry) => entry.key === event.key && (!entry.admin || user.hostAdmin)) : undefined
      if (page) router.push(page.href)
      else if (afterG) return
      else if (event.key === '/') {
        const box = document.querySelector<HTMLInputElement>('[data-search-box]')
        if (!box) return
        event.preventDefault()
        box.focus()
      } else if (event.key === '?') onHelp()
      else if (event.key === 'c') router.push('/containers/new')
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [router, onPalette, onHelp, user.hostAdmin])
}
