export type RowAction = { kind: 'move'; by: number } | { kind: 'open' } | { kind: 'select' }

const actions: Record<string, RowAction> = {
  ArrowDown: { kind: 'move', by: 1 },
  j: { kind: 'move', by: 1 },
  ArrowUp: { kind: 'move', by: -1 },
  k: { kind: 'move', by: -1 },
  PageDown: { kind: 'move', by: 10 },
  PageUp: { kind: 'move', by: -10 },
  Home: { kind: 'move', by: Number.NEGATIVE_INFINITY },
  End: { kind: 'move', by: Number.POSITIVE_INFINITY },
  Enter: { kind: 'open' },
  ' ': { kind: 'select' },
}

/** What a key does on a focused row of a list. */
export const rowKey = (key: string): RowAction | undefined => actions[key]
