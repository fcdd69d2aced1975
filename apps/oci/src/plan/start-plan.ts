import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import { deviceOps } from '../cgroup/write-limits.ts'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Linux } from '../config/linux.ts'
import type { Section } from '../kernel/native.ts'
import { type Container, publicState, type Record } from '../state/container.ts'
import { planDevices } from './devices.ts'
import { planFilter } from './filter.ts'
import { halves, hookOps } from './hooks.ts'
import { bindsDev, planMounts } from './mounts.ts'
import { type NamespacePlan, planNamespaces } from './namespaces.ts'
import { hasSelinux, planInside, planOutside } from './process.ts'

export interface StartOptions {
  readonly root: string
  readonly consoleSocket: string | undefined
  readonly noPivot: boolean
  readonly newKeyring: boolean
}

/** All of a start, from the cgroups to the command, as data for gantry-runtime. */
export function planStart(config: Config, container: Container, record: Record, options: StartOptions): Section[] {
  const linux = config.linux ?? {}
  if (!config.process) throw new GantryError('invalid_input', 'config.json: process is missing', { field: 'process' })
  refuseUnsupported(linux)
  const namespaces = planNamespaces(linux)
  const creating = halves(publicState(record, 'creating'))
  const context = { ...options, uidMappings: linux.uidMappings, mountsConsole: true, id: container.id, personality: personalityOf(linux) }
  const filter = planFilter(options.root, linux.seccomp, publicState(record, 'creating'))
  const beforeLocks: Op[] = [
    ['created'],
    ['wait', container.startFifo, container.resultFifo],
    ...hookOps('container', config.hooks?.startContainer, halves(publicState(record, 'created'))),
  ]
  return [
    { name: 'host', ops: deviceOps(record.cgroup, linux.resources?.devices, true) },
    enterCgroups(record),
    ...planOutside(config.process, context),
    ...namespaces.sections,
    ...rootSections(config, record, namespaces),
    { name: 'run', ops: hostHooks(config, creating) },
    { name: 'run', ops: hookOps('container', config.hooks?.createContainer, creating) },
    ...closing(config, namespaces, options.noPivot),
    ...planInside(config.process, { ...context, filter, beforeLocks }),
  ]
}

export function enterCgroups({ cgroup }: Record): Section {
  return {
    name: 'namespaces',
    ops: cgroup.hierarchies.map(({ mount }) => ['cgroup.enter', join(mount, cgroup.path, 'cgroup.procs')] as const),
  }
}

function refuseUnsupported(linux: Linux): void {
  const refuse = (field: string, why: string) => {
    throw new GantryError('unsupported', `linux.${field}: ${why}`, { field: `linux.${field}` })
  }
  if (linux.intelRdt) refuse('intelRdt', 'cache and bandwidth classes are not supported')
  if (linux.memoryPolicy) refuse('memoryPolicy', 'it is of a later version of the specification')
  if (linux.mountLabel && !hasSelinux()) refuse('mountLabel', 'SELinux is not enabled on this machine')
  if (Object.keys(linux.netDevices ?? {}).length > 0) refuse('netDevices', 'moving network devices is not supported')
  if (linux.personality?.flags?.length) refuse('personality.flags', 'none are known')
}

export function personalityOf(linux: Linux): string | undefined {
  if (!linux.personality) return undefined
  return linux.personality.domain === 'LINUX32' ? '8' : '0'
}

function rootSections(config: Config, record: Record, namespaces: NamespacePlan): Section[] {
  const linux = config.linux ?? {}
  const mounts = config.mounts ?? []
  const userNamespace = namespaces.has('user')
  const context = {
    bundle: record.bundle,
    cgroup: record.cgroup,
    newCgroupNamespace: namespaces.isNew('cgroup'),
    userNamespace,
    mountLabel: linux.mountLabel,
  }
  return [
    { name: 'rootfs', ops: [['propagation', /private/.test(linux.rootfsPropagation ?? '') ? 'private' : 'slave']] },
    { name: 'mounts', ops: [['root', record.rootfs]] },
    ...planMounts(mounts, context),
    ...planDevices(linux.devices ?? [], { userNamespace, hostDev: bindsDev(mounts) }),
  ]
}

function hostHooks({ hooks }: Config, state: ReturnType<typeof halves>): Op[] {
  const ops = [...hookOps('host', hooks?.prestart, state), ...hookOps('host', hooks?.createRuntime, state)]
  return ops.length > 0 ? [...ops, ['hooks.host']] : []
}

function closing(config: Config, namespaces: NamespacePlan, noPivot: boolean): Section[] {
  const { sysctl, maskedPaths, readonlyPaths, rootfsPropagation } = config.linux ?? {}
  const settings = Object.entries(sysctl ?? {}).map(([name, value]): Op => ['sysctl', name, value])
  if (!namespaces.has('uts') && (config.hostname || config.domainname)) {
    throw new GantryError('invalid_input', 'a host name needs a uts namespace', { field: 'hostname' })
  }
  const names: Op[] = [
    ...(config.hostname ? [['hostname', config.hostname] as const] : []),
    ...(config.domainname ? [['domainname', config.domainname] as const] : []),
  ]
  const propagation = /shared/.test(rootfsPropagation ?? '') ? 'shared' : /slave/.test(rootfsPropagation ?? '') ? 'slave' : 'private'
  return [
    { name: 'mounts', ops: settings.length > 0 ? [['proc.own']] : [] },
    { name: 'rootfs', ops: [...settings, ...names, ...(maskedPaths?.length ? [['mask', ...maskedPaths] as const] : [])] },
    { name: 'mounts', ops: (readonlyPaths ?? []).map((path) => ['lock', path] as const) },
    {
      name: 'rootfs',
      ops: [...(config.root.readonly ? [['rootfs.readonly'] as const] : []), ...(noPivot ? [] : [['pivot', propagation] as const])],
    },
    {
      name: 'mounts',
      ops: [...(noPivot ? [['chroot'] as const] : []), ...(/unbindable/.test(rootfsPropagation ?? '') ? [['unbindable'] as const] : [])],
    },
  ]
}
