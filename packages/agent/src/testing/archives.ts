import type { ByteChannel, InputOf, PathStat } from '@gantry/contracts'
import type { TestAgent } from './test-agent.ts'

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
