import type { ByteChannel, InputOf, PathStat } from '@gantry/contracts'
import { extract, type Header, pack } from 'tar-stream'
import type { TestAgent } from './test-agent.ts'

export type Entry = Partial<Header> & { name: string; content?: string | Buffer }

/** A tar with exactly these entries, good or bad. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack()
  const chunks: Buffer[] = []
  const collected = (async () => {
    for await (const chunk of tar) chunks.push(chunk as Buffer)
  })()
  for (const { content, ...header } of entries) {
    await new Promise<void>((resolve, reject) => {
      tar.entry({ mtime: new Date(1e12), uid: 0, gid: 0, ...header }, content ?? '', (error) => (error ? reject(error) : resolve()))
    })
  }
  tar.finalize()
  await collected
  return Buffer.concat(chunks)
}

/** What a tar holds, in its order; small contents are decoded. */
export async function untar(tar: Uint8Array): Promise<(Header & { content: string })[]> {
  const reader = extract()
  const entries: (Header & { content: string })[] = []
  reader.on('entry', (header, stream, next) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk) => chunks.push(chunk as Buffer))
    stream.on('end', () => {
      entries.push({ ...header, content: header.size !== undefined && header.size < 10_000 ? Buffer.concat(chunks).toString() : '' })
      next()
    })
  })
  const finished = new Promise<void>((resolve, reject) => reader.on('finish', resolve).on('error', reject))
  reader.end(tar)
  await finished
  return entries
}

/** The tar of a path in a container; of `export` all of its file system. */
export async function get(agent: TestAgent, container: string, path: string): Promise<Buffer> {
  const { projectId } = agent
  const { channel, result } =
    path === 'export'
      ? agent.client.duplex('container.export', { projectId, container })
      : agent.client.duplex('container.archiveGet', { projectId, container, path })
  channel.end()
  const chunks: Uint8Array[] = []
  for await (const bytes of channel.incoming) chunks.push(Buffer.from(bytes))
  const { bytes } = await result
  const all = Buffer.concat(chunks)
  if (all.length !== bytes) throw new Error(`${all.length} bytes came, ${bytes} were announced`)
  return all
}

export async function put(
  agent: TestAgent,
  container: string,
  path: string,
  tar: Uint8Array,
  options: Partial<InputOf<'container.archivePut'>> = {},
): Promise<void> {
  const { channel, result } = agent.client.duplex('container.archivePut', { projectId: agent.projectId, container, path, ...options })
  sendAll(channel, tar).catch(() => undefined)
  await result
}

export function stat(agent: TestAgent, container: string, path: string): Promise<PathStat> {
  return agent.client.call('container.archiveStat', { projectId: agent.projectId, container, path })
}

export async function importTar(
  agent: TestAgent,
  tar: Uint8Array,
  options: Partial<InputOf<'image.import'>> = {},
): Promise<{ id: string }> {
  const { channel, result } = agent.client.duplex('image.import', { projectId: agent.projectId, ...options })
  sendAll(channel, tar).catch(() => undefined)
  return result
}

export async function sendAll(channel: ByteChannel, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += 1 << 20) await channel.write(bytes.subarray(at, at + (1 << 20)))
  channel.end()
}
