import type { Reader, Transaction } from './database.ts'
import { sqlOf } from './sql.ts'

/** The parsed value, or undefined. */
export async function readSetting(db: Reader | Transaction, key: string): Promise<unknown> {
  const [row] = await sqlOf(db).all('SELECT "value" FROM "Setting" WHERE "key" = $1', key)
  return row ? JSON.parse(String(row.value)) : undefined
}

export const writeSetting = (tx: Transaction, key: string, value: unknown) =>
  tx.setting.upsert({ where: { key }, create: { key, value: JSON.stringify(value) }, update: { value: JSON.stringify(value) } })
