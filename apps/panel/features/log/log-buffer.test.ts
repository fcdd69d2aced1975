import { describe, expect, it } from 'vitest'
import { plainText } from './ansi.ts'
import { appendLines, emptyLog, matchingRows, maxRows } from './log-buffer.ts'

const line = (text: string, partial = false, stream: 'stdout' | 'stderr' = 'stdout') => ({
  stream,
  time: '2026-01-01T00:00:00Z',
  text,
  partial,
})

describe('appendLines', () => {
  it('joins the pieces of a long line, per stream, over batches', () => {
    const one = appendLines(emptyLog, [line('ab', true), line('cd', true)])
    const two = appendLines(one, [line('ef'), line('next'), line('err', false, 'stderr')])
    expect(two.rows.map((row) => row.text)).toEqual(['abcdef', 'next', 'err'])
    expect(new Set(two.rows.map((row) => row.key)).size).toBe(3)
  })
  it('keeps the newest rows and their keys', () => {
    const full = appendLines(
      emptyLog,
      Array.from({ length: maxRows + 5 }, (_, index) => line(`${index}`)),
    )
    expect(full.rows).toHaveLength(maxRows)
    expect(full.rows[0]).toMatchObject({ text: '5', key: 5 })
  })
})

it('finds rows by what is read, not by what colours it', () => {
  const { rows } = appendLines(emptyLog, [line('an \x1b[31mER\x1b[0mROR'), line('fine'), line('error again')])
  expect(matchingRows(rows, 'error', plainText)).toEqual([0, 2])
  expect(matchingRows(rows, '', plainText)).toEqual([])
})
