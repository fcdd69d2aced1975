import { describe, expect, it } from 'vitest'
import { addTab, closeTab, noTabs, reopenTab, restoreTabs, setSession } from './terminal-tabs.ts'

const two = addTab(addTab(noTabs, ''), 'top', 's2')

describe('terminal tabs', () => {
  it('numbers on and shows the newest', () => {
    expect(two.tabs.map((tab) => tab.number)).toEqual([1, 2])
    expect(two.active).toBe('t2')
  })
  it('goes to a neighbour when the active one is closed', () => {
    expect(closeTab(two, 't2').active).toBe('t1')
    expect(closeTab(two, 't1').active).toBe('t2')
    expect(closeTab(closeTab(two, 't1'), 't2')).toMatchObject({ tabs: [], active: '' })
  })
  it('opens another shell in the same place', () => {
    const state = reopenTab(two, 't2')
    expect(state.tabs.map((tab) => [tab.number, tab.sessionId, tab.command])).toEqual([
      [1, undefined, ''],
      [2, undefined, 'top'],
    ])
    expect(state.active).not.toBe('t2')
  })
  it('comes back after a reload with the sessions that were running', () => {
    const stored = JSON.stringify(setSession(two, 't1', 's1'))
    expect(restoreTabs(stored).tabs.map((tab) => tab.sessionId)).toEqual(['s1', 's2'])
    expect(restoreTabs(JSON.stringify(two)).tabs).toHaveLength(1)
    for (const broken of [null, '{', '{}', '[]', 'null']) expect(restoreTabs(broken)).toEqual(noTabs)
  })
})
