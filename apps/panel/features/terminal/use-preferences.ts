'use client'
import { useCallback, useEffect, useState } from 'react'

const key = 'gantry.terminal'
const initial = { fontSize: 13, screenReader: false }
const sizes = { smallest: 9, largest: 24 }

/** Text size and screen-reader support of terminals, kept in this browser. */
export function usePreferences() {
  const [value, setValue] = useState(initial)
  useEffect(() => setValue(read(localStorage.getItem(key))), [])
  const change = useCallback((part: Partial<typeof initial>) => {
    setValue((before) => {
      const after = { ...before, ...part }
      localStorage.setItem(key, JSON.stringify(after))
      return after
    })
  }, [])
  return {
    ...value,
    larger: () => change({ fontSize: Math.min(sizes.largest, value.fontSize + 1) }),
    smaller: () => change({ fontSize: Math.max(sizes.smallest, value.fontSize - 1) }),
    setScreenReader: (screenReader: boolean) => change({ screenReader }),
  }
}
export type TerminalPreferences = ReturnType<typeof usePreferences>

function read(stored: string | null): typeof initial {
  try {
    const value = JSON.parse(stored ?? '{}') as Partial<typeof initial>
    const fontSize = Number(value.fontSize) || initial.fontSize
    return { fontSize: Math.min(sizes.largest, Math.max(sizes.smallest, fontSize)), screenReader: value.screenReader === true }
  } catch {
    // not ours: start over
    return initial
  }
}
