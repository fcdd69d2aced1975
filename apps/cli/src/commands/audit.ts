import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { GantryError } from '@gantry/contracts'
import type { Command } from 'commander'
import { ExitStatus } from '../context.ts'

/** The log is in the panel's database, which only the gateway's own code reads: its check is a program beside it. */
const verifier = fileURLToPath(new URL('../../gateway/dist/audit-verify.js', import.meta.url))

export function addAuditCommands(program: Command): void {
  program
    .command('audit')
    .description('the audit log')
    .command('verify')
    .description('check that no entry of the audit log was changed or removed')
    .action(() => {
      if (!existsSync(verifier)) throw new GantryError('unavailable', `${verifier} is missing: npm run build makes it`)
      const { status } = spawnSync(process.execPath, [verifier], { stdio: 'inherit' })
      if (status !== 0) throw new ExitStatus(status ?? 1)
    })
}
