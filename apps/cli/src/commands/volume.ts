import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { type ByteChannel, GantryError, hostAdminPolicy } from '@gantry/contracts'
import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { table } from '../output/table.ts'
import { forEachName } from './each.ts'

const collect = (value: string, before: string[]) => [...before, value]
const pairs = (list: readonly string[]) =>
  Object.fromEntries(list.map((pair) => [pair.split('=')[0] ?? '', pair.includes('=') ? pair.slice(pair.indexOf('=') + 1) : '']))

function addCopies(volume: Command): void {
  volume
    .command('export')
    .description('write the content of a volume as a tar to standard output or a file')
    .argument('<volume>')
    .option('-o, --output <file>', 'file to write')
    .action((name: string, { output }: { output?: string }, command: Command) =>
      withAgent(command, async ({ agent, projectId, signal }) => {
        if (!output && process.stdout.isTTY)
          throw new GantryError('invalid_input', 'a tar is nothing for a terminal: use -o FILE or a pipe')
        const { channel, result } = agent.duplex('volume.export', { projectId, volume: name }, { signal })
        channel.end()
        const target = output === undefined ? process.stdout : createWriteStream(output, { mode: 0o600 })
        await pipeline(channel.incoming, target, { end: output !== undefined })
        await result
      }),
    )
  volume
    .command('import')
    .description('fill a volume, made when missing, from a tar on standard input or in a file')
    .argument('<volume>')
    .option('-i, --input <file>', 'file to read')
    .action((name: string, { input }: { input?: string }, command: Command) =>
      withAgent(command, async ({ agent, projectId, signal }) => {
        await agent.call('volume.create', { projectId, spec: { name } })
        const { channel, result } = agent.duplex('volume.import', { projectId, volume: name }, { signal })
        const sending = sendAll(channel, input === undefined ? process.stdin : createReadStream(input))
        // The agent may refuse before everything is sent.
        sending.catch(() => undefined)
        await result
      }),
    )
  volume
    .command('clone')
    .description('copy a volume under another name')
    .argument('<volume>')
    .argument('<name>')
    .action((name: string, copy: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        console.log((await agent.call('volume.clone', { projectId, volume: name, name: copy })).name)
      }),
    )
}

async function sendAll(channel: ByteChannel, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of bytes) await channel.write(piece)
  channel.end()
}

export function addVolumeCommands(program: Command): void {
  const volume = program.command('volume').description('volumes of the project')
  volume
    .command('ls')
    .description('list volumes')
    .action((_: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const rows = (await agent.call('volume.list', { projectId })).map(({ name, driver, usedBy }) => [driver, name, usedBy.join(', ')])
        console.log(table(['DRIVER', 'NAME', 'USED BY'], rows))
      }),
    )
  volume
    .command('create')
    .description('make a volume')
    .argument('[name]')
    .option('-d, --driver <driver>', 'volume driver', 'local')
    .option('-o, --opt <name=value>', 'option of the driver, as type=nfs', collect, [])
    .option('--label <name=value>', 'label', collect, [])
    .action((name: string | undefined, options: { driver: string; opt: string[]; label: string[] }, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const spec = { name, driver: options.driver, options: pairs(options.opt), labels: pairs(options.label) }
        console.log((await agent.call('volume.create', { projectId, spec, policy: hostAdminPolicy })).name)
      }),
    )
  addCopies(volume)
  volume
    .command('rm')
    .description('remove volumes')
    .argument('<volume...>')
    .action((names: string[], _: unknown, command: Command) =>
      withAgent(command, ({ agent, projectId }) => forEachName(names, (name) => agent.call('volume.remove', { projectId, volume: name }))),
    )
  volume
    .command('inspect')
    .description('everything known about a volume, as JSON')
    .argument('<volume>')
    .action((name: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        console.log(JSON.stringify(await agent.call('volume.inspect', { projectId, volume: name }), null, 2))
      }),
    )
}
