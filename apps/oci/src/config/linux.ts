import * as z from 'zod/mini'
import { resourcesSchema } from './resources.ts'

const idMap = z.object({ containerID: z.number(), hostID: z.number(), size: z.number() })
export type IdMap = z.infer<typeof idMap>
const strings = z.nullish(z.array(z.string()))

export const namespaceTypes = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const
export type NamespaceType = (typeof namespaceTypes)[number]

export const seccompFlags = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
] as const

const seccompSchema = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.nullish(z.number()),
  architectures: strings,
  flags: z.nullish(z.array(z.enum(seccompFlags))),
  listenerPath: z.nullish(z.string()),
  listenerMetadata: z.nullish(z.string()),
  syscalls: z.nullish(
    z.array(
      z.object({
        names: z.array(z.string()),
        action: z.string(),
        errnoRet: z.nullish(z.number()),
        args: z.nullish(z.array(z.object({ index: z.number(), value: z.number(), valueTwo: z.nullish(z.number()), op: z.string() }))),
      }),
    ),
  ),
})
export type Seccomp = z.infer<typeof seccompSchema>

const deviceSchema = z.object({
  type: z.enum(['c', 'b', 'u', 'p']),
  path: z.string().check(z.startsWith('/', 'must be absolute')),
  major: z.nullish(z.number()),
  minor: z.nullish(z.number()),
  fileMode: z.nullish(z.number()),
  uid: z.nullish(z.number()),
  gid: z.nullish(z.number()),
})
export type Device = z.infer<typeof deviceSchema>

export const linuxSchema = z.object({
  namespaces: z.nullish(z.array(z.object({ type: z.enum(namespaceTypes), path: z.nullish(z.string()) }))),
  uidMappings: z.nullish(z.array(idMap)),
  gidMappings: z.nullish(z.array(idMap)),
  devices: z.nullish(z.array(deviceSchema)),
  netDevices: z.nullish(z.record(z.string(), z.object({ name: z.nullish(z.string()) }))),
  cgroupsPath: z.nullish(z.string()),
  resources: z.nullish(resourcesSchema),
  timeOffsets: z.nullish(
    z.partialRecord(
      z.enum(['monotonic', 'boottime']),
      z.nullish(z.object({ secs: z.nullish(z.number()), nanosecs: z.nullish(z.number()) })),
    ),
  ),
  rootfsPropagation: z.nullish(z.enum(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable', 'runbindable', ''])),
  seccomp: z.nullish(seccompSchema),
  sysctl: z.nullish(z.record(z.string(), z.string())),
  maskedPaths: strings,
  readonlyPaths: strings,
  mountLabel: z.nullish(z.string()),
  intelRdt: z.nullish(z.unknown()),
  /** Of a later version of the specification, known in order to be refused: placement that is not kept would be a wrong answer. */
  memoryPolicy: z.nullish(z.unknown()),
  personality: z.nullish(z.object({ domain: z.enum(['LINUX', 'LINUX32']), flags: strings })),
})
export type Linux = z.infer<typeof linuxSchema>
