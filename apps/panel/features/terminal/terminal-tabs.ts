/** One terminal tab of a container page. `sessionId` is known once the shell runs. */
export type TerminalTab = { key: string; number: number; command: string; sessionId?: string | undefined }
export type TerminalTabs = { tabs: readonly TerminalTab[]; active: string; next: number }

export const noTabs: TerminalTabs = { tabs: [], active: '', next: 1 }

export function addTab(state: TerminalTabs, command: string, sessionId?: string): TerminalTabs {
  const tab = { key: `t${state.next}`, number: state.next, command, sessionId }
  return { tabs: [...state.tabs, tab], active: tab.key, next: state.next + 1 }
}

/** Closing the active tab goes to its neighbour. */
export function closeTab(state: TerminalTabs, key: string): TerminalTabs {
  const index = state.tabs.findIndex((tab) => tab.key === key)
  const tabs = state.tabs.filter((tab) => tab.key !== key)
  const active = state.active === key ? (tabs[Math.min(index, tabs.length - 1)]?.key ?? '') : state.active
  return { ...state, tabs, active }
}

/** Another shell in the same tab; the old session is forgotten. */
export function reopenTab(state: TerminalTabs, key: string): TerminalTabs {
  const fresh = `t${state.next}`
  const tabs = state.tabs.map((tab) => (tab.key === key ? { ...tab, key: fresh, sessionId: undefined } : tab))
  return { tabs, active: fresh, next: state.next + 1 }
}

export function setSession(state: TerminalTabs, key: string, sessionId: string): TerminalTabs {
  return { ...state, tabs: state.tabs.map((tab) => (tab.key === key ? { ...tab, sessionId } : tab)) }
}

/** What was kept for a reload; anything that does not look like it is nothing. */
export function restoreTabs(stored: string | null): TerminalTabs {
  if (!stored) return noTabs
  try {
    const value = JSON.parse(stored) as TerminalTabs
    const tabs = value.tabs.filter(
      (tab) => typeof tab.key === 'string' && typeof tab.sessionId === 'string' && typeof tab.number === 'number',
    )
    return {
      tabs,
      active: tabs.some((tab) => tab.key === value.active) ? value.active : (tabs[0]?.key ?? ''),
      next: Math.max(1, Number(value.next) || 1),
    }
  } catch {
    // written by an older version or by hand
    return noTabs
  }
}
