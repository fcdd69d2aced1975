/**
 * `node dist/audit-verify.js`: checks the audit log of the instance that the environment names, against its exported head.
 * Exit 0: nothing was changed; 1: findings, one line each; 2: it could not be checked.
 */
import { join } from 'node:path'
import { verifyAuditOf } from '@gantry/core'
import { readHeadFile } from './audit/head-file.ts'
import { readAuditKey } from './audit/key-file.ts'
import { readConfig } from './config.ts'

async function main(): Promise<number> {
  const config = readConfig(process.env)
  const result = await verifyAuditOf({
    databaseUrl: config.databaseUrl,
    key: readAuditKey(join(config.panelData, 'audit.key')),
    exportedHead: readHeadFile(join(config.panelData, 'audit-head.json')),
  })
  if (process.argv.includes('--json')) console.log(JSON.stringify(result))
  else {
    for (const { seq, problem } of result.problems) console.log(`entry ${seq}: ${problem}`)
    console.log(result.ok ? `${result.entries} entries, none changed or removed` : `${result.entries} entries, the log was tampered with`)
  }
  return result.ok ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`the audit log cannot be checked: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
}
