import { expect, it } from 'vitest'
import { listRows } from './list-rows.ts'

const rows = [
  { name: 'v10', size: 5 },
  { name: 'v2', size: 50 },
  { name: 'x', size: 1 },
]
const columns = [
  { id: 'name', sort: (row: (typeof rows)[number]) => row.name },
  { id: 'size', sort: (row: (typeof rows)[number]) => row.size },
]
const names = (search: string, sort: string) => listRows(rows, search, (row) => row.name, columns, sort).map((row) => row.name)

it('searches by words and sorts numbers in names as numbers', () => {
  expect(names('V', 'name')).toEqual(['v2', 'v10'])
  expect(names('', '-size')).toEqual(['v2', 'v10', 'x'])
  expect(names('', 'nothing')).toEqual(['v10', 'v2', 'x'])
  expect(rows[0]?.name).toBe('v10')
})
