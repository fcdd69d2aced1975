import { type MountSpec, mountSchema } from '@gantry/contracts'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { mountFields, toMounts } from './create/mounts.ts'
import { toHostMounts } from './host-mounts.ts'

const hostSchema = z.object(mountFields)

/** What a tool would get that makes a container anew from what `inspect` says. */
const madeAnew = (mounts: readonly MountSpec[]) =>
  toMounts(hostSchema.parse(toHostMounts(mounts)), []).map((mount) => mountSchema.parse(mount))

test.each<[string, z.input<typeof mountSchema>, object]>([
  ['bind', { type: 'bind', source: '/a', target: '/b', createSource: true }, { Binds: ['/a:/b'] }],
  [
    'bind with words',
    { type: 'bind', source: '/a', target: '/b', createSource: true, readOnly: true, propagation: 'rslave' },
    { Binds: ['/a:/b:ro,rslave'] },
  ],
  [
    'bind that must be there',
    { type: 'bind', source: '/a', target: '/b' },
    { Binds: null, Mounts: [{ Type: 'bind', Source: '/a', Target: '/b' }] },
  ],
  [
    'bind that is not recursive',
    { type: 'bind', source: '/a', target: '/b', recursive: false, createSource: true },
    { Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', BindOptions: { NonRecursive: true, CreateMountpoint: true } }] },
  ],
  [
    'bind of which only the top is read-only',
    { type: 'bind', source: '/a', target: '/b', readOnly: true, readOnlyRecursive: 'off', propagation: 'shared' },
    { Mounts: [{ BindOptions: { Propagation: 'shared', ReadOnlyNonRecursive: true }, ReadOnly: true }] },
  ],
  ['bind with a colon', { type: 'bind', source: '/a:b', target: '/b', createSource: true, readOnlyRecursive: 'force' }, { Binds: null }],
  ['volume', { type: 'volume', source: 'v', target: '/b' }, { Binds: ['v:/b'] }],
  ['volume with words', { type: 'volume', source: 'v', target: '/b', readOnly: true, noCopy: true }, { Binds: ['v:/b:ro,nocopy'] }],
  ['part of a volume', { type: 'volume', source: 'v', target: '/b', subpath: 'x/y' }, { Mounts: [{ VolumeOptions: { Subpath: 'x/y' } }] }],
  [
    'volume of a driver',
    { type: 'volume', source: 'v', target: '/b', driver: 'nas', driverOptions: { share: 's' }, labels: { a: 'b' } },
    { Mounts: [{ VolumeOptions: { DriverConfig: { Name: 'nas', Options: { share: 's' } }, Labels: { a: 'b' } } }] },
  ],
  [
    'image',
    { type: 'image', source: 'busybox', target: '/b', subpath: 'bin' },
    { Mounts: [{ Type: 'image', ImageOptions: { Subpath: 'bin' } }] },
  ],
  ['tmpfs', { type: 'tmpfs', target: '/t' }, { Tmpfs: { '/t': '' } }],
  [
    'tmpfs with words',
    {
      ...{ type: 'tmpfs', target: '/t', readOnly: true, sizeBytes: 1024, mode: 0o1777, uid: 1, gid: 2, inodes: 3 },
      ...{ exec: true, suid: false, dev: true, noatime: true },
    },
    { Tmpfs: { '/t': 'ro,exec,nosuid,dev,noatime,size=1024,mode=1777,uid=1,gid=2,nr_inodes=3' } },
  ],
])('%s is shown so that it can be made again', (_name, input, shown) => {
  const mount = mountSchema.parse(input)
  expect(toHostMounts([mount])).toMatchObject(shown)
  // What is not said is what is the default anyway; no labels are none.
  const said = (given: object) => Object.fromEntries(Object.entries(given).filter(([, value]) => JSON.stringify(value ?? {}) !== '{}'))
  expect(madeAnew([mount]).map(said)).toEqual([said(mount)])
})

test('an anonymous volume is shown by Config.Volumes only', () => {
  expect(toHostMounts([mountSchema.parse({ type: 'volume', target: '/data' })])).toEqual({ Binds: null })
})
