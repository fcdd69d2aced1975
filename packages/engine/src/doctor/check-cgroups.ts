import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DoctorCheck } from '@gantry/contracts'
import { type ControllerName, controllerNames, type Layout, readLayout } from '../cgroup/layout.ts'

const without: Readonly<Record<ControllerName, { status: 'fallback' | 'missing'; text: string }>> = {
  cpu: { status: 'missing', text: 'cpu limits are not kept' },
  cpuacct: { status: 'missing', text: 'cpu use is not counted' },
  cpuset: { status: 'missing', text: 'containers cannot be bound to cpus' },
  memory: { status: 'missing', text: 'memory limits are not kept' },
  devices: { status: 'missing', text: 'containers are kept from devices by their user namespace only' },
  freezer: { status: 'fallback', text: 'containers cannot be paused' },
  blkio: { status: 'fallback', text: 'disk rates are not kept or counted' },
  pids: { status: 'missing', text: 'fork bombs are not contained' },
  hugetlb: { status: 'fallback', text: 'huge pages are not limited' },
}

interface Feature {
  readonly name: string
  readonly controller: ControllerName
  readonly v1: string | null
  readonly v2: string | null
  readonly consequence: string
}
/** Files that some kernels lack. null: this kind never has it. */
const features: readonly Feature[] = [
  {
    name: 'swap limit',
    controller: 'memory',
    v1: 'memory.memsw.limit_in_bytes',
    v2: 'memory.swap.max',
    consequence: 'swap is not limited',
  },
  { name: 'cpu burst', controller: 'cpu', v1: 'cpu.cfs_burst_us', v2: 'cpu.max.burst', consequence: 'cpu bursts are not kept' },
  { name: 'real-time cpu', controller: 'cpu', v1: 'cpu.rt_runtime_us', v2: null, consequence: 'no real-time cpu budgets' },
  {
    name: 'OOM killer off',
    controller: 'memory',
    v1: 'memory.oom_control',
    v2: null,
    consequence: 'the OOM killer cannot be switched off',
  },
  { name: 'swappiness', controller: 'memory', v1: 'memory.swappiness', v2: null, consequence: 'swappiness is the host’s' },
  {
    name: 'disk throttling',
    controller: 'blkio',
    v1: 'blkio.throttle.write_bps_device',
    v2: 'io.max',
    consequence: 'disk rates are not kept',
  },
]

/** Layout, controllers and the features in which kernels differ. Reads only. */
export function checkCgroups(layout: Layout = readLayout()): DoctorCheck[] {
  const mounts = layout.hierarchies.map(({ mount }) => mount).join(' ')
  return [
    {
      group: 'cgroup',
      name: 'layout',
      status: mounts ? 'ok' : 'missing',
      found: `${layout.version}: ${mounts || 'nothing mounted'}`,
      consequence: mounts ? '' : 'no limits at all',
    },
    ...controllerNames.map((name) => checkController(layout, name)),
    ...features.flatMap((feature) => checkFeature(layout, feature)),
    pressure(),
    killAtOnce(layout),
  ]
}

function checkController(layout: Layout, name: ControllerName): DoctorCheck {
  const at = layout.where[name]
  if (!at) return { group: 'cgroup', name, status: without[name].status, found: 'not mounted', consequence: without[name].text }
  return { group: 'cgroup', name, status: 'ok', found: `v${at.version} at ${at.mount}`, consequence: '' }
}

function checkFeature(layout: Layout, { name, controller, v1, v2, consequence }: Feature): DoctorCheck[] {
  const at = layout.where[controller]
  if (!at) return []
  const file = at.version === 1 ? v1 : v2
  const dir = at.version === 1 ? at.mount : someGroup(at.mount)
  const has = file !== null && dir !== null && existsSync(join(dir, file))
  return [
    {
      group: 'cgroup',
      name,
      status: has ? 'ok' : 'fallback',
      found: has ? file : (file ?? 'not in cgroup v2'),
      consequence: has ? '' : consequence,
    },
  ]
}

/** v2 keeps most files out of the root: any group below it with the controllers shows them. */
function someGroup(mount: string): string | null {
  const groups = readdirSync(mount, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const found = groups.map(({ name }) => join(mount, name)).find((dir) => existsSync(join(dir, 'memory.max')))
  return found ?? (existsSync(join(mount, 'memory.max')) ? mount : null)
}

function pressure(): DoctorCheck {
  const base = { group: 'cgroup', name: 'pressure (PSI)' } as const
  try {
    readFileSync('/proc/pressure/cpu')
    return { ...base, status: 'ok', found: '/proc/pressure', consequence: '' }
  } catch (error) {
    const found = (error as NodeJS.ErrnoException).code === 'EOPNOTSUPP' ? 'switched off (boot with psi=1)' : 'not in this kernel'
    return { ...base, status: 'fallback', found, consequence: 'no pressure charts' }
  }
}

function killAtOnce({ unified }: Layout): DoctorCheck {
  const base = { group: 'cgroup', name: 'cgroup.kill' } as const
  const dir = unified && [unified.mount, ...readdirSync(unified.mount).map((name) => join(unified.mount, name))]
  const has = dir?.some((path) => existsSync(join(path, 'cgroup.kill'))) ?? false
  if (has) return { ...base, status: 'ok', found: `at ${unified?.mount}`, consequence: '' }
  // The file is in every group but the root: without any group there is nothing to see.
  return { ...base, status: 'fallback', found: 'not seen', consequence: 'processes are killed one by one, frozen meanwhile' }
}
