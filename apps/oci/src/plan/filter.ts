import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { profileRules } from '@gantry/engine/runtime-parts'
import type { Seccomp } from '../config/linux.ts'
import { nativeDir, runProgram } from '../kernel/native.ts'
import { halves } from './hooks.ts'

/**
 * Words of the `filter` operation, null for none. Compiling costs more than the rest of a start, so results are kept
 * below the root, by what went in.
 */
export function planFilter(
  root: string,
  seccomp: Seccomp | null | undefined,
  state: { readonly [name: string]: unknown },
): string[] | null {
  if (!seccomp) return null
  const flags = (seccomp.flags ?? []).map((flag) => flag.replace('SECCOMP_FILTER_FLAG_', '')).join(',')
  const file = compiled(root, profileRules(toProfile(seccomp), { arch: process.arch, kernel: release() }))
  const notifies = seccomp.defaultAction === 'SCMP_ACT_NOTIFY' || seccomp.syscalls?.some(({ action }) => action === 'SCMP_ACT_NOTIFY')
  if (!notifies) return [file, flags]
  if (!seccomp.listenerPath)
    throw new GantryError('invalid_input', 'seccomp: SCMP_ACT_NOTIFY needs listenerPath', { field: 'linux.seccomp.listenerPath' })
  const hidden = seccomp.syscalls?.some(({ action, names }) => action === 'SCMP_ACT_NOTIFY' && names.includes('sendmsg'))
  if (hidden || seccomp.defaultAction === 'SCMP_ACT_NOTIFY') {
    throw new GantryError('unsupported', 'seccomp: sendmsg cannot be notified, as the listener is handed over by it', {
      field: 'linux.seccomp',
    })
  }
  const told = { ociVersion: state.ociVersion, fds: ['seccompFd'], pid: 0, metadata: seccomp.listenerMetadata ?? '', state }
  return [file, flags, seccomp.listenerPath, ...halvesOfBoth(told, state)]
}

function toProfile(seccomp: Seccomp): Parameters<typeof profileRules>[0] {
  return {
    defaultAction: seccomp.defaultAction,
    defaultErrnoRet: seccomp.defaultErrnoRet ?? undefined,
    architectures: seccomp.architectures ?? [],
    syscalls: (seccomp.syscalls ?? []).map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      errnoRet: errnoRet ?? undefined,
      args: (args ?? []).map((arg) => ({ ...arg, valueTwo: arg.valueTwo ?? undefined })),
    })),
  }
}

/** The pid stands twice: the first place is written by native code, the second left to the state's reader as 0. */
function halvesOfBoth(told: { readonly [name: string]: unknown }, state: { readonly [name: string]: unknown }): readonly string[] {
  return halves({ ...told, state: { ...state, pid: 0 } })
}

function compiled(root: string, rules: string): string {
  const dir = join(root, '.filters')
  const path = join(dir, `${createHash('sha256').update(rules).digest('hex').slice(0, 32)}.bpf`)
  if (existsSync(path)) return path
  const { status, stdout, stderr } = runProgram(join(nativeDir, 'gantry-seccomp'), [], rules)
  if (status !== 0)
    throw new GantryError('invalid_input', `seccomp profile cannot be compiled: ${stderr.trim()}`, { field: 'linux.seccomp' })
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, stdout, { mode: 0o600 })
  renameSync(temporary, path)
  return path
}
