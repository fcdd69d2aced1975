import { expect, test } from 'vitest'
import { halves, hookOps } from './hooks.ts'

test('the pid goes where it stands, whatever the id and the annotations are', () => {
  const state = { ociVersion: '1.2.0', id: 'c4194305', status: 'creating', pid: 0, bundle: '/b', annotations: { pid: '"pid":4194305' } }
  const [before, after] = halves(state)
  expect(JSON.parse(`${before}77${after}`)).toEqual({ ...state, pid: 77 })
})

test('arguments and environment are told apart by their count', () => {
  const hooks = [{ path: '/h', args: ['h', 'x'], env: ['A=1'], timeout: 3 }, { path: '/i' }]
  expect(hookOps('host', hooks, ['{', '}'])).toEqual([
    ['hook', 'host', '3000', '{', '}', '/h', '2', 'h', 'x', 'A=1'],
    ['hook', 'host', '0', '{', '}', '/i', '0'],
  ])
})
