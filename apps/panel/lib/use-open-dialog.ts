'use client'
import { parseAsStringLiteral, useQueryState } from 'nuqs'

/** Which dialog of a page is open. It is in the address (`?do=new`), so that the command palette can lead to it. */
export function useOpenDialog<const N extends string>(names: readonly N[]) {
  const [open, set] = useQueryState('do', parseAsStringLiteral(names))
  return { open, show: (name: N) => void set(name), close: () => void set(null) }
}
