import type { Op } from '@gantry/contracts'

/** Files that tell about the host or reach into it; a bind of /dev/null or an empty read-only tmpfs lies over them. */
const masked = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]
/** Writable parts of procfs that act on the whole machine. */
const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Masks and read-only binds; none with `maskPaths: false` (docker's systempaths=unconfined) and for privileged containers. */
export function pathOps(spec: { readonly maskPaths: boolean; readonly privileged: boolean }): Op[] {
  if (!spec.maskPaths || spec.privileged) return []
  return [
    ['mask', ...masked],
    // One folder for each cpu: the native side counts them.
    ['mask.cpus', '/sys/devices/system/cpu', 'thermal_throttle'],
    ['readonly', ...readOnly],
  ]
}
