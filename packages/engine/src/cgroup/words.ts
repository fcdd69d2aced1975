const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** 20971520 → `20 MiB`, with at most one decimal. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`
}

/** Quota over period as cpus: `1.5`. */
export function formatCpus(cpu: { readonly quotaUs: number; readonly periodUs: number }): string {
  return String(Number((cpu.quotaUs / cpu.periodUs).toFixed(2)))
}
