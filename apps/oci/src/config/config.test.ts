import { expect, test } from 'vitest'
import { configOf } from '../testing/config-of.ts'
import { parseConfig } from './config.ts'

const parse = (change: object) => parseConfig(JSON.stringify({ ...configOf({ args: ['true'] }), ...change }))
const process = (change: object) => ({ process: { cwd: '/', args: ['true'], ...change } })
const linux = (change: object) => ({ linux: { namespaces: [{ type: 'mount' }], ...change } })

test('what is not known is passed over, as the specification wants it', () => {
  expect(parse({ 'com.example.future': {}, ...linux({ future: 1 }) }).root.path).toBe('rootfs')
  expect(parse({ hostname: null, mounts: null, hooks: null, annotations: null }).mounts).toBeNull()
})

test.each([
  ['ociVersion', { ociVersion: '2.0.0' }],
  ['ociVersion', { ociVersion: 1 }],
  ['root', { root: undefined }],
  ['root.path', { root: {} }],
  ['root.readonly', { root: { path: 'rootfs', readonly: 'yes' } }],
  ['hostname', { hostname: 7 }],
  ['mounts.0.destination', { mounts: [{ type: 'proc' }] }],
  ['mounts.1.options', { mounts: [{ destination: '/a' }, { destination: '/b', options: 'ro' }] }],
  ['annotations.a', { annotations: { a: 1 } }],
  ['hooks.poststop.0.path', { hooks: { poststop: [{ path: 'relative' }] } }],
  ['hooks.prestart.0.timeout', { hooks: { prestart: [{ path: '/x', timeout: 0 }] } }],
  ['process.cwd', process({ cwd: 'tmp' })],
  ['process.args', process({ args: 'true' })],
  ['process.user.uid', process({ user: { uid: -1, gid: 0 } })],
  ['process.user.gid', process({ user: { uid: 0, gid: 4_294_967_295 } })],
  ['process.user.additionalGids.0', process({ user: { uid: 0, gid: 0, additionalGids: [1.5] } })],
  ['process.rlimits.0.type', process({ rlimits: [{ type: 'NOFILE', soft: 1, hard: 1 }] })],
  ['process.oomScoreAdj', process({ oomScoreAdj: 1001 })],
  ['process.ioPriority.class', process({ ioPriority: { class: 'BEST', priority: 1 } })],
  ['process.ioPriority.priority', process({ ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 8 } })],
  ['process.scheduler.flags.0', process({ scheduler: { policy: 'SCHED_OTHER', flags: ['X'] } })],
  ['linux.namespaces.0.type', linux({ namespaces: [{ type: 'net' }] })],
  ['linux.uidMappings.0.size', linux({ uidMappings: [{ containerID: 0, hostID: 0 }] })],
  ['linux.devices.0.type', linux({ devices: [{ type: 'x', path: '/dev/x' }] })],
  ['linux.devices.0.path', linux({ devices: [{ type: 'c', path: 'dev/x' }] })],
  ['linux.rootfsPropagation', linux({ rootfsPropagation: 'all' })],
  ['linux.personality.domain', linux({ personality: { domain: 'BSD' } })],
  ['linux.seccomp.flags.0', linux({ seccomp: { defaultAction: 'SCMP_ACT_ALLOW', flags: ['X'] } })],
  ['linux.resources.memory.limit', linux({ resources: { memory: { limit: '1m' } } })],
  ['linux.resources.devices.0.access', linux({ resources: { devices: [{ allow: true, access: 'x' }] } })],
  ['linux.timeOffsets', linux({ timeOffsets: { realtime: {} } })],
])('a wrong %s is named', (field, change) => {
  expect(() => parse(change)).toThrow(new RegExp(`^config.json: ${field.replaceAll('.', '\\.')}\\b`))
})

test('words that are not JSON', () => {
  expect(() => parseConfig('{')).toThrow('config.json is not JSON')
  expect(() => parseConfig('[]')).toThrow('config.json: ')
})
