import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type ByteChannel, GantryError, type Progress } from '@gantry/contracts'
import type { Command } from 'commander'
import { type Context, withAgent } from '../context.ts'
import { handOver } from '../hand-over.ts'
import { table } from '../output/table.ts'
import { bytes, shortId, span } from '../output/units.ts'
import { forEachName } from './each.ts'

export function addImageCommands(program: Command): void {
  program
    .command('images')
    .description('list images')
    .option('-q, --quiet', 'only ids')
    .action((flags: { quiet?: boolean }, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const images = await agent.call('image.list', { projectId })
        if (flags.quiet) {
          for (const { id } of images) console.log(shortId(id))
          return
        }
        const now = new Date()
        const rows = images.flatMap((image) =>
          (image.tags.length > 0 ? image.tags : ['<none>']).map((tag) => [
            tag,
            shortId(image.id),
            `${span(image.createdAt, now)} ago`,
            bytes(image.sizeBytes),
          ]),
        )
        console.log(table(['IMAGE', 'ID', 'CREATED', 'SIZE'], rows))
      }),
    )
  program
    .command('pull')
    .description('fetch an image from its registry')
    .option('--platform <os/arch>', 'another platform than this machine')
    .argument('<image>')
    .action((image: string, flags: { platform?: string }, command: Command) =>
      withAgent(command, (context) => pullImage(context, image, flags.platform)),
    )
  program
    .command('push')
    .description('send an image to its registry')
    .argument('<image>')
    .action((reference: string, _: unknown, command: Command) =>
      withAgent(command, ({ agent, projectId, signal }) => showProgress(agent.stream('image.push', { projectId, reference }, { signal }))),
    )
  program
    .command('tag')
    .description('give an image a further name')
    .argument('<image>')
    .argument('<name>')
    .action((image: string, reference: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        await agent.call('image.tag', { projectId, image, reference })
      }),
    )
  program
    .command('rmi')
    .description('remove images')
    .option('-f, --force', 'also when a stopped container uses it')
    .argument('<image...>')
    .action((names: string[], flags: { force?: boolean }, command: Command) =>
      withAgent(command, ({ agent, projectId }) =>
        forEachName(names, (image) => agent.call('image.remove', { projectId, image, force: flags.force })),
      ),
    )
  addArchives(program)
}

function addArchives(program: Command): void {
  program
    .command('load')
    .description('read images from an archive (OCI or docker, plain or compressed)')
    .option('-i, --input <file>', 'file instead of standard input')
    .action((flags: { input?: string }, command: Command) =>
      withAgent(command, async ({ agent, projectId, signal }) => {
        const input = flags.input ? await open(flags.input, 'r') : undefined
        const { channel, result } = agent.duplex('image.load', { projectId }, { signal, bulk: true })
        // The agent may refuse before it has read everything; then its reason matters, not our broken pipe.
        const sent = handOver(input?.fd ?? process.stdin.fd, channel)
        sent.catch(() => undefined)
        drain(channel)
        const { references, ids } = await result.finally(() => input?.close())
        for (const name of references.length > 0 ? references : ids) console.log(`loaded ${name}`)
      }),
    )
  program
    .command('save')
    .description('write images to an archive that is OCI and docker at once')
    .option('-o, --output <file>', 'file instead of standard output')
    .argument('<image...>')
    .action((images: string[], flags: { output?: string }, command: Command) =>
      withAgent(command, async ({ agent, projectId, signal }) => {
        if (!flags.output && process.stdout.isTTY) {
          throw new GantryError('invalid_input', 'an archive is nothing for a terminal: use -o FILE or a pipe')
        }
        const { channel, result } = agent.duplex('image.save', { projectId, images }, { signal })
        channel.end()
        await pipeline(channel.incoming, flags.output ? createWriteStream(flags.output) : process.stdout, {
          end: flags.output !== undefined,
        })
        await result
      }),
    )
}

/** The archive's progress lines are for the panel; reading them keeps the agent going. */
async function drain(channel: ByteChannel): Promise<void> {
  try {
    for await (const _ of channel.incoming);
  } catch {
    // The result tells what went wrong.
  }
}

/** Pulls with one line per change of state; throws what the agent says. */
export async function pullImage({ agent, projectId, signal }: Context, reference: string, platform?: string): Promise<void> {
  await showProgress(agent.stream('image.pull', { projectId, reference, platform }, { signal }))
}

async function showProgress(progress: AsyncIterable<Progress>): Promise<void> {
  const last = new Map<string, string>()
  for await (const { id = '', status, message, total } of progress) {
    if (last.get(id) === status) continue
    last.set(id, status)
    console.error([id && `${id}:`, status, total !== undefined && bytes(total), message].filter(Boolean).join(' '))
  }
}
