import { type ByteChannel, type ContainerSpecInput, containerSpecSchema, GantryError, type Policy } from '@gantry/contracts'
import { attachContainer } from '../container/attach.ts'
import type { Container } from '../container/container.ts'
import { createContainer } from '../container/create.ts'
import { removeContainer } from '../container/remove.ts'
import { startContainer } from '../container/start.ts'
import { documentBytes } from '../image/image-document.ts'
import { parseConfig, toImageConfig } from '../image/manifest.ts'
import type { ImageState, Lease } from '../image/make-image.ts'
import type { LayerRecord } from '../image/records.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import { ownFolder, ownLayer, type Workshop } from './commit.ts'

export interface RunStep {
  readonly projectId: string
  readonly policy: Policy
  readonly state: ImageState
  /** Of the image that the step stands on, for the container's record. */
  readonly imageId: string
  readonly command: readonly string[]
  /** A script that is executed itself, being of an interpreter of its own. */
  readonly script?: string | undefined
  readonly env: readonly string[]
  readonly container: Partial<ContainerSpecInput>
  readonly lease: Lease
  readonly limits: UnpackLimits
  readonly signal: AbortSignal
  readonly onText: (text: string) => Promise<void>
}

/** Where a script of a here-document is while it runs; it is no part of the image. */
const scriptName = '.gantry-heredoc'

/**
 * Runs a command in a container of the project and makes a layer of what it wrote. The container has the project's policy and limits,
 * is in no list, and is removed whatever happens; recovery does so after a crash.
 */
export async function runStep(shop: Workshop, step: RunStep): Promise<LayerRecord | undefined> {
  const { parts } = shop
  const container = await makeContainer(shop, step)
  try {
    await step.onText(` ---> Running in ${container.id.slice(0, 12)}\n`)
    if (step.script !== undefined) await putScript(shop, container, step)
    const exitCode = await runToEnd(shop, container, step)
    if (exitCode !== 0) {
      const command = step.command.join(' ')
      throw new GantryError('invalid_input', `The command '${command}' returned a non-zero code: ${exitCode}`, { field: 'dockerfile' })
    }
    await container.cleanup
    const rootfs = container.rootfs
    if (!rootfs) throw new GantryError('internal', `container ${container.id} has no writable layer`)
    const { lease, limits, signal, state } = step
    return await ownLayer(shop, { id: container.id, rootfs }, { below: state.layers, skip: [scriptName], lease, limits, signal })
  } finally {
    await removeContainer(parts, container, { force: true, volumes: true })
    await step.onText(`Removing intermediate container ${container.id.slice(0, 12)}\n`).catch(() => undefined)
  }
}

function makeContainer({ parts }: Workshop, step: RunStep): Promise<Container> {
  const command = step.script === undefined ? [...step.command] : [`/${scriptName}`]
  const spec = containerSpecSchema.parse({
    ...step.container,
    image: step.imageId,
    entrypoint: [],
    command,
    env: [...step.env],
    healthcheck: { test: ['NONE'] },
    log: { driver: 'none' },
  })
  const { document, layers } = step.state
  const image = {
    id: step.imageId,
    reference: step.imageId,
    config: toImageConfig(parseConfig(documentBytes(document))),
    layers: layers.map(({ chainId }) => chainId),
  }
  return createContainer(parts, { projectId: step.projectId, spec, policy: step.policy, forBuild: { image } })
}

async function putScript({ archiver }: Workshop, container: Container, { script = '', limits }: RunStep): Promise<void> {
  const { rootfs } = container
  if (!rootfs) throw new GantryError('internal', `container ${container.id} has no writable layer`)
  const view = { kind: 'folder', path: ownFolder(rootfs), writable: true } as const
  await archiver.writeFile(view, { folder: '/', name: scriptName, text: script, mode: 0o755, limits })
}

/** Starts it, passes its output on, and gives its exit code. */
async function runToEnd({ parts }: Workshop, container: Container, { signal, onText }: RunStep): Promise<number> {
  const channel = outputChannel(onText)
  const request = { stdin: false, stdout: true, stderr: true, logs: false }
  const attached = attachContainer(parts, container, request, channel, signal)
  attached.catch(() => undefined)
  await startContainer(parts, container)
  const { exitCode } = await attached
  signal.throwIfAborted()
  return exitCode
}

/** One end of a viewer that only reads. Each write is one frame: a stream's number, three zero bytes, the length, the bytes. */
function outputChannel(onText: (text: string) => Promise<void>): ByteChannel {
  const decoders = [new TextDecoder(), new TextDecoder()]
  return {
    incoming: (async function* () {})(),
    async write(frame) {
      const text = decoders[frame[0] === 2 ? 1 : 0]?.decode(frame.subarray(8), { stream: true }) ?? ''
      if (text !== '') await onText(text)
    },
    end: () => undefined,
  }
}
