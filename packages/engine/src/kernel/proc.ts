import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { capabilityNames } from '@gantry/contracts'

/**
 * Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); 0 when there is no such process. With the
 * pid it names the process for ever.
 */
export async function startTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
    throw error
  })
  // The command, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[19] ?? 0)
}

let rootSet: readonly string[] | undefined

/** The capabilities this process could pass on (its bounding set): what a container can be given at most. */
export function rootCapabilities(): readonly string[] {
  rootSet ??= capabilitiesOf(readFileSync('/proc/self/status', 'utf8'))
  return rootSet
}

function capabilitiesOf(status: string): string[] {
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return capabilityNames.filter((_, bit) => (bits >> BigInt(bit)) & 1n)
}
