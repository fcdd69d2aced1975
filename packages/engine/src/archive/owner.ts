import { GantryError } from '@gantry/contracts'
import type { Archiver, View } from '../kernel/archiver.ts'

const maxFileBytes = 4 * 1024 * 1024

/**
 * Ids of `user[:group]`, names or numbers, by the view's own /etc/passwd and /etc/group. A number without a name belongs to group 0, or to
 * its own group with `sameGroup`, as a Dockerfile's --chown means it.
 */
export async function findOwner(
  archiver: Archiver,
  view: View,
  text: string,
  options: { sameGroup?: boolean } = {},
): Promise<{ uid: number; gid: number }> {
  const [user = '', group] = text.split(':')
  const passwd = parseTable(await readIfThere(archiver, view, '/etc/passwd'))
  const row = passwd.find(([name, , id]) => name === user || id === user)
  const uid = row ? Number(row[2]) : numeric(user)
  if (uid === undefined) throw noSuch('user', user)
  if (group === undefined || group === '') {
    if (options.sameGroup && numeric(user) !== undefined) return { uid, gid: uid }
    return { uid, gid: row ? Number(row[3]) : 0 }
  }
  const groups = parseTable(await readIfThere(archiver, view, '/etc/group'))
  const found = groups.find(([name, , id]) => name === group || id === group)
  const gid = found ? Number(found[2]) : numeric(group)
  if (gid === undefined) throw noSuch('group', group)
  return { uid, gid }
}

async function readIfThere(archiver: Archiver, view: View, path: string): Promise<string> {
  try {
    return (await archiver.read(view, path, maxFileBytes)).toString('utf8')
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return ''
    throw error
  }
}

const parseTable = (text: string) => text.split('\n').map((line) => line.split(':'))
const numeric = (text: string) => (/^\d{1,10}$/.test(text) ? Number(text) : undefined)

function noSuch(kind: string, name: string): GantryError {
  return new GantryError('invalid_input', `no such ${kind} in the container: ${name}`, { field: kind, value: name })
}
