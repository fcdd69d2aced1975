import { expect, it } from 'vitest'
import { joinName, splitName } from './image-name.ts'

const digest = `sha256:${'1'.repeat(64)}`

it.each([
  ['busybox', { name: 'busybox', path: 'library/busybox', tag: undefined, digest: undefined }],
  ['docker.io/library/busybox:1', { name: 'busybox', path: 'library/busybox', tag: '1', digest: undefined }],
  ['localhost:5000/a/b:v1', { name: 'localhost:5000/a/b', path: 'a/b', tag: 'v1', digest: undefined }],
  ['localhost:5000/a', { name: 'localhost:5000/a', path: 'a', tag: undefined, digest: undefined }],
  [`someone/x:1@${digest}`, { name: 'someone/x', path: 'someone/x', tag: '1', digest }],
])('splits %s', (text, parts) => expect(splitName(text)).toEqual(parts))

it('joins what the API has apart', () => {
  expect(joinName('a', undefined)).toBe('a')
  expect(joinName('a', '1')).toBe('a:1')
  expect(joinName('a', digest)).toBe(`a@${digest}`)
})
