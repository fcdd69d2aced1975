import type { ByteChannel, OutputOf, ParsedInputOf } from '@gantry/contracts'
import { limitsFor } from '../image/context.ts'
import { changedDocument, emptyDocument } from '../image/image-document.ts'
import { parsePlatform } from '../image/manifest.ts'
import { channelInput } from '../lib/channel-input.ts'
import { faultPoint } from '../lib/fault.ts'
import { applyChanges } from './config-instructions.ts'
import { nameOf, ownFolder, ownLayer, readChanges, type Workshop } from './commit.ts'
import { withScratchLayer } from './scratch-layer.ts'

/** Makes an image of one layer from the tar of a file system. */
export async function importImage(
  shop: Workshop,
  input: ParsedInputOf<'image.import'>,
  channel: ByteChannel,
  signal: AbortSignal,
): Promise<OutputOf<'image.import'>> {
  const { parts, archiver, making } = shop
  const references = input.reference === undefined ? [] : [nameOf(input.reference)]
  const config = applyChanges({}, readChanges(input.changes))
  const platform = parsePlatform(input.platform)
  const limits = limitsFor(input.limits)
  const lease = making.lease()
  try {
    const layer = await withScratchLayer(parts, [], async (own) => {
      const view = { kind: 'folder', path: ownFolder(own.rootfs), writable: true } as const
      await archiver.put(view, await channelInput(channel), { path: '/', flags: [], limits, signal })
      faultPoint('import.unpacked')
      return ownLayer(shop, own, { below: [], lease, limits, signal })
    })
    const document = changedDocument(emptyDocument(platform), {
      created: new Date().toISOString(),
      createdBy: '',
      comment: input.message || 'Imported from -',
      config,
      diffId: layer?.diffId,
    })
    const id = await making.store({ document, layers: layer ? [layer] : [] }, { projectId: input.projectId, references, lease, limits })
    parts.events.emit({
      type: 'image',
      action: 'import',
      id,
      projectId: input.projectId,
      attributes: input.reference ? { name: input.reference } : {},
    })
    return { id }
  } finally {
    lease.release()
    channel.end()
  }
}
