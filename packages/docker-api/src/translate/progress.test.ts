import { expect, it } from 'vitest'
import { PullWords, loadWords, pushWords } from './progress.ts'

it('tells a pull as Docker does', () => {
  const words = new PullWords({ name: 'busybox:1', path: 'library/busybox', tag: '1' })
  expect(words.lines({ status: 'resolving' })).toEqual([])
  expect(words.lines({ id: 'a', status: 'waiting' })).toEqual([
    { status: 'Pulling from library/busybox', id: '1' },
    { status: 'Pulling fs layer', progressDetail: {}, id: 'a' },
  ])
  expect(words.lines({ id: 'a', status: 'downloading', current: 512_000, total: 1_234_567 })).toEqual([
    {
      status: 'Downloading',
      progressDetail: { current: 512_000, total: 1_234_567 },
      progress: '[====================>                              ]    512kB/1.235MB',
      id: 'a',
    },
  ])
  expect(words.lines({ id: 'a', status: 'downloaded' }).map(({ status }) => status)).toEqual(['Verifying Checksum', 'Download complete'])
  expect(words.lines({ status: 'done', digest: 'sha256:x', changed: true })).toEqual([
    { status: 'Digest: sha256:x' },
    { status: 'Status: Downloaded newer image for busybox:1' },
  ])
  expect(words.lines({ status: 'done', digest: 'sha256:x', changed: false }).at(-1)).toEqual({
    status: 'Status: Image is up to date for busybox:1',
  })
})

it('tells a push and a load as Docker does', () => {
  expect(pushWords({ status: 'done', digest: 'sha256:x', total: 527 }, 'v1')).toEqual([
    { status: 'v1: digest: sha256:x size: 527' },
    { progressDetail: {}, aux: { Tag: 'v1', Digest: 'sha256:x', Size: 527 } },
  ])
  expect(pushWords({ id: 'a', status: 'exists' }, 'v1')).toEqual([{ status: 'Layer already exists', progressDetail: {}, id: 'a' }])
  expect(loadWords({ status: 'loaded', message: 'a:1' })).toEqual([{ stream: 'Loaded image: a:1\n' }])
  expect(loadWords({ status: 'loaded', message: `sha256:${'1'.repeat(64)}` })).toEqual([
    { stream: `Loaded image ID: sha256:${'1'.repeat(64)}\n` },
  ])
})
