import { expect, test } from 'vitest'
import { parseLocalOptions } from './local-options.ts'

test.each([
  [{}, { kind: 'folder' }],
  [
    { type: 'none', o: 'bind,ro', device: '/srv/x' },
    { kind: 'bind', device: '/srv/x', recursive: false, readOnly: true },
  ],
  [
    { o: 'rbind', device: '/srv/x' },
    { kind: 'bind', device: '/srv/x', recursive: true, readOnly: false },
  ],
  [
    { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7,noexec' },
    { kind: 'tmpfs', flags: ['noexec'], options: 'size=1m,uid=7' },
  ],
  [
    { type: 'nfs', device: ':/export', o: 'addr=10.0.0.2,rw,nfsvers=4' },
    { kind: 'mount', type: 'nfs', device: ':/export', flags: [], options: 'addr=10.0.0.2,nfsvers=4' },
  ],
])('%j', (given, made) => {
  expect(parseLocalOptions(given)).toEqual(made)
})

test.each([
  [{ colour: 'blue' }, 'invalid option: "colour"'],
  [{ size: '1g' }, 'quota size requested but no quota support'],
  [{ type: 'nfs' }, 'missing device in volume options'],
  [{ device: '/dev/sda1' }, 'missing type in volume options'],
  [{ type: 'none', o: 'bind', device: 'srv' }, 'device srv of a bind is not an absolute path'],
  [{ type: '../x', device: 'x' }, '"../x" is not a type of file system'],
])('%j is refused', (given, message) => {
  expect(() => parseLocalOptions(given)).toThrow(message)
})
