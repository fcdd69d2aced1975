import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { GantryError } from '@gantry/contracts'

const keyBytes = 32

/** Makes the key that seals the audit log's head unless there is one; readable by the gateway alone. */
export function makeAuditKey(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, randomBytes(keyBytes), { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

export function readAuditKey(file: string): Buffer {
  const key = readFileSync(file)
  if (key.length !== keyBytes) {
    throw new GantryError('internal', `${file} is not a key of ${keyBytes} bytes`, { remedy: 'restore it from a backup' })
  }
  return key
}
