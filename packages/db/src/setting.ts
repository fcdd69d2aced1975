import type { Reader, Transaction } from './database.ts'

/** The parsed value, or undefined. */
export async function readSetting(db: Reader | Transaction, key: string): Promise<unknown> {
  const row = await db.setting.findUnique({ where: { key } })
  return row ? JSON.parse(row.value) : undefined
}

export const writeSetting = (tx: Transaction, key: string, value: unknown) =>
  tx.setting.upsert({ where: { key }, create: { key, value: JSON.stringify(value) }, update: { value: JSON.stringify(value) } })
