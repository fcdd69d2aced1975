import { expect, test } from 'vitest'
import { mountOptions, sortOptions } from './mount-options.ts'

const sorted = (...options: string[]) => sortOptions(options, '/m')

test('attributes of the mount, of the tree, of the file system', () => {
  expect(sorted('ro', 'rnoexec', 'rslave', 'size=1m', 'sync')).toEqual({
    set: ['ro'],
    clear: [],
    setAll: ['noexec'],
    clearAll: [],
    propagation: ['rslave'],
    data: ['size=1m', 'sync'],
    bind: 'no',
    idmap: 'no',
    copyUp: false,
  })
})

test('the last word on an attribute holds', () => {
  expect(sorted('ro', 'rw')).toMatchObject({ set: [], clear: ['ro'] })
  expect(sorted('rw', 'ro', 'ro')).toMatchObject({ set: ['ro'], clear: [] })
  expect(sorted('rro', 'rrw')).toMatchObject({ setAll: [], clearAll: ['ro'] })
  expect(sorted('strictatime', 'nostrictatime')).toMatchObject({ set: [], clear: ['strictatime'] })
})

test('binds', () => {
  expect(sorted('bind').bind).toBe('one')
  expect(sorted('rbind', 'bind').bind).toBe('rec')
  expect(sorted('bind', 'sync', 'nosuch').data).toEqual(['nosuch'])
  expect([sorted('idmap').idmap, sorted('ridmap').idmap]).toEqual(['one', 'all'])
})

test('words that begin with an r and are no tree', () => {
  expect(sorted('relatime', 'rw', 'rbind', 'rshared')).toMatchObject({
    set: ['relatime'],
    clear: ['ro'],
    setAll: [],
    propagation: ['rshared'],
  })
  expect(sorted('rrelatime').setAll).toEqual(['relatime'])
})

test('what is not done is refused by name', () => {
  expect(() => sorted('remount')).toThrow('mount option remount of /m is not supported')
})

test('features has every word that is understood, once and in order', () => {
  expect(new Set(mountOptions).size).toBe(mountOptions.length)
  expect(mountOptions).toEqual(mountOptions.toSorted())
  for (const option of mountOptions) expect(sorted('bind', option).data, option).toEqual([])
})
