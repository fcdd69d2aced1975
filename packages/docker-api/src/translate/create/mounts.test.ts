import { containerSpecSchema } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { mountFields, toMounts } from './mounts.ts'

/** As the engine gets them: what the schema of a spec makes of the translation. */
function translate(host: object, volumes: string[] = []) {
  return containerSpecSchema.parse({ image: 'x', mounts: toMounts(z.object(mountFields).parse(host), volumes) }).mounts
}
const mount = (Type: string, more: object) => translate({ Mounts: [{ Type, Target: '/t', ...more }] })[0]

it('reads what belongs to each type of mount', () => {
  expect(mount('volume', { Source: 'v', VolumeOptions: { Subpath: 'a/b', NoCopy: true, Labels: { k: 'v' } } })).toMatchObject({
    ...{ type: 'volume', source: 'v', subpath: 'a/b', noCopy: true, labels: { k: 'v' } },
  })
  const DriverConfig = { Name: 'local', Options: { type: 'nfs', device: ':/x' } }
  expect(mount('volume', { Source: 'v', VolumeOptions: { DriverConfig } })).toMatchObject({ driverOptions: DriverConfig.Options })
  expect(
    mount('bind', { Source: '/h', ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true, Propagation: 'rprivate' } }),
  ).toMatchObject({
    ...{ type: 'bind', readOnly: true, readOnlyRecursive: 'force', propagation: 'rprivate' },
  })
  expect(mount('image', { Source: 'busybox', ImageOptions: { Subpath: 'bin' } })).toMatchObject({ source: 'busybox', subpath: 'bin' })
  expect(mount('tmpfs', { TmpfsOptions: { SizeBytes: 4096, Mode: 0o700, Options: [['exec'], ['uid', '7']] } })).toMatchObject({
    ...{ type: 'tmpfs', sizeBytes: 4096, mode: 0o700, exec: true, uid: 7 },
  })
})

it('reads --tmpfs and --volume-driver', () => {
  expect(translate({ Tmpfs: { '/run': 'rw,exec,size=64m,mode=1777,noatime' } })).toEqual([
    { type: 'tmpfs', target: '/run', readOnly: false, exec: true, sizeBytes: 64 * 1024 ** 2, mode: 0o1777, noatime: true },
  ])
  expect(translate({ VolumeDriver: 'far', Binds: ['v:/v'] }, ['/anonymous'])).toMatchObject([{ driver: 'far' }, { driver: 'far' }])
})

it.each([
  [{ Tmpfs: { '/run': 'huge=always' } }, 'invalid tmpfs option ["huge=always"]'],
  [{ Mounts: [{ Type: 'volume', Target: '/t', VolumeOptions: { Subpath: 'a' } }] }, 'must not set Subpath when using anonymous volumes'],
  [{ Mounts: [{ Type: 'bind', Source: '/a', Target: '/t', BindOptions: { Propagation: 'up' } }] }, 'invalid propagation mode: up'],
  [{ Mounts: [{ Type: 'tmpfs', Source: 'x', Target: '/t' }] }, 'field Source must not be specified'],
])('%j is refused', (host, message) => {
  expect(() => translate(host)).toThrow(message)
})
