import type { DoctorCheck, HostInfo } from '@gantry/contracts'
import type { Command } from 'commander'
import { ExitStatus, withAgent } from '../context.ts'
import { bytes } from '../output/units.ts'

/** `doctor` and `system info`: what this machine can do and what runs on it. */
export function addSystemCommands(program: Command): void {
  program
    .command('doctor')
    .description('what this kernel and machine can do, and what the engine does instead of what they cannot')
    .option('--json', 'as JSON')
    .action((flags: { json?: boolean }, command: Command) =>
      withAgent(command, async ({ agent }) => {
        const checks = await agent.call('system.doctor', {})
        console.log(flags.json ? JSON.stringify(checks, null, 2) : doctorReport(checks))
        if (checks.some(({ status }) => status === 'missing')) throw new ExitStatus(1)
      }),
    )
  const system = program.command('system').description('the engine as a whole')
  system
    .command('info')
    .description('facts about host and engine')
    .option('--json', 'as JSON')
    .action((flags: { json?: boolean }, command: Command) =>
      withAgent(command, async ({ agent }) => {
        const info = await agent.call('system.info', {})
        console.log(flags.json ? JSON.stringify(info, null, 2) : infoReport(info))
      }),
    )
}

const mark = { ok: '✓', fallback: '~', missing: '✗' }

function doctorReport(checks: readonly DoctorCheck[]): string {
  const groups = [...new Set(checks.map(({ group }) => group))]
  const width = Math.max(...checks.map(({ name }) => name.length))
  const count = (status: DoctorCheck['status']) => checks.filter((check) => check.status === status).length
  return [
    ...groups.flatMap((group) => [
      group,
      ...checks
        .filter((check) => check.group === group)
        .map(
          ({ name, status, found, consequence }) =>
            `  ${mark[status]} ${name.padEnd(width)}  ${found}${consequence ? ` — ${consequence}` : ''}`,
        ),
      '',
    ]),
    `${count('ok')} ok, ${count('fallback')} with a fallback, ${count('missing')} missing`,
  ].join('\n')
}

function infoReport(info: HostInfo): string {
  const rows: [string, string][] = [
    ['host', `${info.hostname} (${info.os}, Linux ${info.kernel}, ${info.architecture})`],
    ['cpus', String(info.cpus)],
    ['memory', `${bytes(info.memoryUsedBytes)} of ${bytes(info.memoryBytes)}`],
    ['cgroups', info.cgroupVersion],
    ['storage', `${info.storageDriver}, ${bytes(info.dataUsedBytes)} of ${bytes(info.dataBytes)} used`],
    ['containers', `${info.containersRunning} running of ${info.containers}`],
    ['images', String(info.images)],
    ['agent', `${info.agentVersion}, instance ${info.instanceId}`],
  ]
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n')
}
