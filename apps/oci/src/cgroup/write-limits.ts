import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import { type DeviceRule, deviceProgram } from '@gantry/engine/runtime-parts'
import type { Resources } from '../config/resources.ts'
import { warn } from '../log.ts'
import { type CgroupFolders, folderOf, isUnified, unifiedFolder } from './folders.ts'
import { type LimitWrite, limitsV1 } from './limits-v1.ts'
import { limitsV2 } from './limits-v2.ts'

/** Writes what is asked for into the container's groups; what the kernel refuses is an error that names file and value. */
export function writeLimits(folders: CgroupFolders, resources: Resources, options: { fresh: boolean }): void {
  const writes = [...limitsV1(folders, resources, options.fresh), ...limitsV2(folders, resources)]
  for (const write of writes) put(write)
  unified(folders, resources)
}

function put({ file, value, optional, lenient }: LimitWrite): void {
  try {
    writeFileSync(file, value, { flag: 'r+' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (lenient?.includes(code)) return
    if (optional && (code === 'ENOENT' || code === 'EOPNOTSUPP')) {
      warn(`${optional}: this kernel has no ${file}`)
      return
    }
    throw new GantryError(
      'invalid_input',
      `cgroup limit refused: ${value.trim()} to ${file}: ${code || String(error)}`,
      { errno: code, step: file },
      { cause: error },
    )
  }
}

/** v2 file names with their values, as the caller has them. */
function unified(folders: CgroupFolders, { unified: files }: Resources): void {
  const entries = Object.entries(files ?? {})
  if (entries.length === 0) return
  const dir = unifiedFolder(folders)
  if (!dir) throw new GantryError('unsupported', 'linux.resources.unified needs cgroup v2', { field: 'linux.resources.unified' })
  for (const [name, value] of entries) {
    if (!/^[a-z]\w*\.[\w.]+$/i.test(name)) throw new GantryError('invalid_input', `unified: ${name} is not the name of a cgroup file`)
    put({ file: join(dir, name), value })
  }
}

type Rule = NonNullable<Resources['devices']>[number]

/** What every container may use (runtime-spec, "Default Devices"), and may make though not open: any node. */
const always: readonly DeviceRule[] = [
  { allow: true, type: 'c', major: null, minor: null, access: 'm' },
  { allow: true, type: 'b', major: null, minor: null, access: 'm' },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
      [5, 2],
      [136, null],
    ] as const
  ).map(([major, minor]): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
]

const numberOf = (value: number | null | undefined) => (value === undefined || value === null || value < 0 ? null : value)

function toRules({ allow, type, major, minor, access }: Rule): DeviceRule[] {
  const kind = type ?? 'a'
  const rule = { allow, major: numberOf(major), minor: numberOf(minor), access: access || 'rwm' }
  // `a` with numbers or with some of the accesses means both kinds of nodes; the kernel knows `a` as everything only.
  if (kind === 'a' && (rule.major !== null || rule.minor !== null || rule.access.length < 3)) {
    return [
      { ...rule, type: 'c' },
      { ...rule, type: 'b' },
    ]
  }
  return [{ ...rule, type: kind }]
}

/** Rules in order, the defaults last, so that a list that starts by denying all leaves them. Empty without any rule in an update. */
export function deviceOps(folders: CgroupFolders, devices: Resources['devices'], fresh: boolean): Op[] {
  if (!fresh && !devices?.length) return []
  const rules: DeviceRule[] = [
    ...(fresh ? [{ allow: false, type: 'a', major: null, minor: null, access: 'rwm' } as const] : []),
    ...(devices ?? []).flatMap(toRules),
    ...always,
  ]
  const v1 = folderOf(folders, 'devices')
  if (v1) {
    // Whatever came before the last rule on all devices makes no difference.
    const start = Math.max(
      0,
      rules.findLastIndex((rule) => rule.type === 'a'),
    )
    return rules.slice(start).map((rule) => ['write', join(v1.dir, rule.allow ? 'devices.allow' : 'devices.deny'), ruleText(rule)])
  }
  const dir = unifiedFolder(folders)
  if (!dir || !isUnified(folders)) return []
  return [['bpf.device', dir, Buffer.from(deviceProgram(rules)).toString('hex')]]
}

function ruleText(rule: DeviceRule): string {
  if (rule.type === 'a') return 'a'
  return `${rule.type} ${rule.major ?? '*'}:${rule.minor ?? '*'} ${rule.access}`
}
