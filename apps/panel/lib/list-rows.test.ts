import { expect, it } from 'vitest'
import { listRows } from './list-rows.ts'

type Row = { name: string; size: number }
const rows: Row[] = [
  { name: 'v10', size: 5 },
  { name: 'v2', size: 50 },
  { name: 'x', size: 1 },
]
const columns = [
  { id: 'name', sort: (row: Row) => row.name },
  { id: 'size', sort: (row: Row) => row.size },
]
const filters = [{ id: 'kind', label: 'Kind', options: [{ value: 'big', label: 'Big', test: (row: Row) => row.size > 2 }] }]
const names = (search: string, sort: string, chosen = {}) =>
  listRows(rows, (row) => row.name, columns, filters, { search, sort, chosen }).map((row) => row.name)

it('searches by words and sorts numbers in names as numbers', () => {
  expect(names('V', 'name')).toEqual(['v2', 'v10'])
  expect(names('', '-size')).toEqual(['v2', 'v10', 'x'])
  expect(names('', 'nothing')).toEqual(['v10', 'v2', 'x'])
  expect(rows[0]?.name).toBe('v10')
})

it('shows what the chosen filters let through; an unknown choice lets everything through', () => {
  expect(names('', 'name', { kind: 'big' })).toEqual(['v2', 'v10'])
  expect(names('10', 'name', { kind: 'big' })).toEqual(['v10'])
  expect(names('', 'name', { kind: 'odd', other: 'big' })).toEqual(['v2', 'v10', 'x'])
})
