import { GantryError } from '@gantry/contracts'
import { Command, CommanderError } from 'commander'
import { addAuditCommands } from './commands/audit.ts'
import { addContainerCommands } from './commands/container.ts'
import { addExecCommand } from './commands/exec.ts'
import { addImageCommands } from './commands/image.ts'
import { addListCommands } from './commands/list.ts'
import { addLogsCommand } from './commands/logs.ts'
import { addNetworkCommands } from './commands/network.ts'
import { addProjectCommands } from './commands/project.ts'
import { addRunCommands } from './commands/run.ts'
import { addStatsCommands } from './commands/stats.ts'
import { addSystemCommands } from './commands/system.ts'
import { addVolumeCommands } from './commands/volume.ts'
import { describe, ExitStatus, engineRefused } from './context.ts'

const program = new Command('gantry')
  .description('Container engine on this machine, spoken to as its administrator')
  .option('--project <id>', 'project to work in', 'default')
  .enablePositionalOptions()
  .showHelpAfterError()
  .exitOverride()

for (const add of [
  addRunCommands,
  addExecCommand,
  addListCommands,
  addContainerCommands,
  addLogsCommand,
  addStatsCommands,
  addImageCommands,
  addNetworkCommands,
  addVolumeCommands,
  addProjectCommands,
  addSystemCommands,
  addAuditCommands,
]) {
  add(program)
}
for (const command of program.commands) command.exitOverride()

// A reader such as `head` that has seen enough ends us without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

/** Exit status of a failed command, after its message. */
function report(error: unknown): number {
  if (error instanceof ExitStatus) return error.status
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : engineRefused
  if (error instanceof GantryError) {
    console.error(`gantry: ${describe(error)}`)
    return engineRefused
  }
  console.error(`gantry: ${error instanceof Error ? error.message : String(error)}`)
  return engineRefused
}

program.parseAsync().then(
  () => process.exit(process.exitCode ?? 0),
  (error) => process.exit(report(error)),
)
