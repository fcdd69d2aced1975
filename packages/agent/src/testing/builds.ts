import { buildEventSchema, hostAdminPolicy, type InputOf, type Progress } from '@gantry/contracts'
import { sendAll } from './archives.ts'
import type { TestAgent } from './test-agent.ts'

export type BuildOptions = Partial<InputOf<'image.build'>>

/** Builds this context, as host administrator where nothing else is said. */
export async function buildTar(agent: TestAgent, tar: Uint8Array, options: BuildOptions = {}, signal?: AbortSignal) {
  const input = { projectId: agent.projectId, policy: hostAdminPolicy, ...options }
  const { channel, result } = agent.client.duplex('image.build', input, signal ? { signal } : {})
  sendAll(channel, tar).catch(() => undefined)
  let text = ''
  const progress: Progress[] = []
  const reading = (async () => {
    let rest = ''
    for await (const bytes of channel.incoming) {
      const lines = (rest + Buffer.from(bytes).toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = buildEventSchema.parse(JSON.parse(line))
        if ('text' in event) text += event.text
        if ('progress' in event) progress.push(event.progress)
      }
    }
  })()
  const [outcome] = await Promise.allSettled([result, reading])
  if (outcome.status === 'rejected') throw outcome.reason
  return { ...outcome.value, text, progress }
}
