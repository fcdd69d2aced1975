'use client'
import { useRef } from 'react'

/**
 * Gives focus back to what had it before a dialog opened. Our dialogs are opened by state, so the library knows no trigger to
 * return to. Looked up while rendering: later, a field of the dialog with `autoFocus` has it already.
 */
export function useReturnFocus(open: boolean): (event: Event) => void {
  const opener = useRef<HTMLElement | null>(null)
  const wasOpen = useRef(false)
  if (open && !wasOpen.current) opener.current = typeof document === 'undefined' ? null : lasting(document.activeElement)
  wasOpen.current = open
  return (event) => {
    event.preventDefault()
    if (opener.current?.isConnected) opener.current.focus()
  }
}

/** An item of a menu is gone when the dialog closes; the button that opened the menu is not. */
function lasting(element: Element | null): HTMLElement | null {
  const trigger = element?.closest('[role="menu"]')?.getAttribute('aria-labelledby')
  const found = trigger ? document.getElementById(trigger) : element
  return found instanceof HTMLElement ? found : null
}
