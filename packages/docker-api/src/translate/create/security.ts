import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import { optional, refuseValue, textMap, texts, word, yes } from './fields.ts'

/** Fields of HostConfig about rights and namespaces. */
export const securityFields = {
  Privileged: yes,
  CapAdd: texts,
  CapDrop: texts,
  SecurityOpt: texts,
  GroupAdd: texts,
  ReadonlyRootfs: yes,
  UsernsMode: word,
  PidMode: word,
  IpcMode: word,
  UTSMode: word,
  CgroupnsMode: word,
  Sysctls: textMap,
  /** An empty list (not an absent one) is `systempaths=unconfined`. */
  MaskedPaths: optional(z.array(z.string())),
  ReadonlyPaths: optional(z.array(z.string())),
}
type Given = z.output<z.ZodObject<typeof securityFields>>

export interface SecurityDefaults {
  /** Docker lets programs gain privileges (sudo, su) unless told otherwise; whether that is so here is the caller's right. */
  noNewPrivileges: boolean
}

export function toSecurity(host: Given, defaults: SecurityDefaults): Partial<ContainerSpecInput> {
  const options = host.SecurityOpt.map(securityOption)
  const merged = Object.assign({}, ...options) as Partial<ContainerSpecInput>
  return {
    privileged: host.Privileged,
    capAdd: host.CapAdd,
    capDrop: host.CapDrop,
    groups: host.GroupAdd,
    readonlyRootfs: host.ReadonlyRootfs,
    sysctls: host.Sysctls,
    noNewPrivileges: host.Privileged ? false : defaults.noNewPrivileges,
    maskPaths: !(host.Privileged || unmasked(host)),
    userns: oneOf('UsernsMode', host.UsernsMode, { '': 'project', private: 'project', host: 'host' }),
    pidMode: joinable('PidMode', host.PidMode, { '': 'private', private: 'private', host: 'host' }),
    ipcMode: joinable('IpcMode', host.IpcMode, { '': 'private', private: 'private', shareable: 'shareable', host: 'host', none: 'none' }),
    utsMode: oneOf('UTSMode', host.UTSMode, { '': 'private', private: 'private', host: 'host' }),
    cgroupnsMode: oneOf('CgroupnsMode', host.CgroupnsMode, { '': 'private', private: 'private', host: 'host' }),
    ...merged,
  }
}

function unmasked({ MaskedPaths, ReadonlyPaths }: Given): boolean {
  for (const paths of [MaskedPaths, ReadonlyPaths]) {
    if (paths?.length) throw refuseValue('HostConfig.MaskedPaths and ReadonlyPaths', paths.join(','), 'empty lists')
  }
  return MaskedPaths !== undefined || ReadonlyPaths !== undefined
}

/** `name=value` or, of old, `name:value`. */
function securityOption(text: string): Partial<ContainerSpecInput> {
  const at = text.search(/[=:]/)
  const field = 'HostConfig.SecurityOpt'
  const name = at === -1 ? text : text.slice(0, at)
  const value = at === -1 ? '' : text.slice(at + 1)
  switch (name) {
    case 'no-new-privileges':
      return { noNewPrivileges: value !== 'false' }
    case 'seccomp':
      return { seccomp: value === 'builtin' ? 'default' : value }
    case 'systempaths':
      if (value === 'unconfined') return { maskPaths: false }
      break
    case 'label':
      // SELinux is not used here: as with Docker on such a machine, labels are kept by nobody.
      return {}
    case 'apparmor':
      return { apparmor: value }
    case 'writable-cgroups':
      if (value === 'true' || value === 'false') return { writableCgroups: value === 'true' }
      break
  }
  throw new GantryError('invalid_input', `invalid --security-opt ${at === -1 ? 1 : 2}: "${text}"`, { field, value: text })
}

function oneOf<const T extends string>(field: string, value: string | undefined, words: Record<string, T>): T {
  const found = Object.hasOwn(words, value ?? '') ? words[value ?? ''] : undefined
  if (found === undefined) throw refuseValue(`HostConfig.${field}`, value ?? '', Object.keys(words).filter(Boolean).join(', '))
  return found
}

/** The same, or another container's. */
function joinable<const T extends string>(field: string, value: string | undefined, words: Record<string, T>): T | `container:${string}` {
  return value?.startsWith('container:') ? (value as `container:${string}`) : oneOf(field, value, words)
}
