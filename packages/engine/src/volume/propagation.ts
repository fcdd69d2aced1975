import { readFile } from 'node:fs/promises'
import { GantryError } from '@gantry/contracts'
import type { ResolvedMount } from '../ports.ts'

/**
 * A mount that is to pass mounts on can do so only when the host's mount below its source does: else docker refuses in these words
 * (oci_linux.go), and so does everybody who compares them.
 */
export async function checkPropagation(mounts: readonly ResolvedMount[], mountinfo?: string): Promise<void> {
  const asking = mounts.filter(({ propagation }) => /(shared|slave)$/.test(propagation))
  if (asking.length === 0) return
  const table = parseMountinfo(mountinfo ?? (await readFile('/proc/self/mountinfo', 'utf8')))
  for (const { source, propagation } of asking) {
    const below = table.filter(({ path }) => path === '/' || source === path || source.startsWith(`${path}/`))
    // Later lines lie over earlier ones.
    const mount = below.reduce<Mount | undefined>((best, each) => (best && each.path.length < best.path.length ? best : each), undefined)
    const isShared = mount?.fields.some((field) => field.startsWith('shared:')) ?? false
    const isSlave = mount?.fields.some((field) => field.startsWith('master:')) ?? false
    const at = `path ${source} is mounted on ${mount?.path ?? '/'} but it is not a shared`
    if (propagation.endsWith('shared') && !isShared) throw refusal(`${at} mount`, source)
    if (propagation.endsWith('slave') && !isShared && !isSlave) throw refusal(`${at} or slave mount`, source)
  }
}

interface Mount {
  readonly path: string
  readonly fields: readonly string[]
}

/** `ID PARENT MAJ:MIN ROOT PATH OPTIONS FIELD… - TYPE …` (proc_pid_mountinfo(5)); blanks in paths are octal. */
function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, , , , path = '', , ...rest] = line.split(' ')
      const unescaped = path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
      return { path: unescaped, fields: rest.slice(0, rest.indexOf('-')) }
    })
}

function refusal(message: string, source: string): GantryError {
  return new GantryError('invalid_input', message, { field: 'mounts', value: source, remedy: 'ask for private propagation' })
}
