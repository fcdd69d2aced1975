import { createHash, type Hash } from 'node:crypto'
import type http from 'node:http'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { ContentStore } from '../content-store.ts'
import { hashFile } from '../content-store.ts'
import type { Descriptor } from '../manifest.ts'
import type { RegistryClient } from './client.ts'
import { withRetry } from './retry.ts'

interface Download {
  readonly client: RegistryClient
  readonly content: ContentStore
  readonly blob: Descriptor
  readonly signal: AbortSignal
  readonly onProgress: (bytes: number) => void
}

/**
 * Fetches a blob into the content store: into a partial file that outlives failures and restarts, from where it stopped (Range), hashed
 * on the way. What is longer than announced or has another digest is thrown away.
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { content, blob, signal } = download
  if (content.has(blob.digest)) return
  const path = join(content.partialFolder, blob.digest.slice(7))
  let received = 0
  const onProgress = (bytes: number) => {
    received = bytes
    download.onProgress(bytes)
  }
  try {
    await withRetry(() => fetchRest({ ...download, onProgress }, path), { signal, progress: () => received })
    await content.adopt(path, blob.digest)
  } catch (error) {
    // A full disk is not helped by keeping the part that fitted.
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'invalid_input') await rm(path, { force: true })
    throw error
  }
}

async function fetchRest(download: Download, path: string): Promise<void> {
  const { blob, client } = download
  let have = await sizeOf(path)
  if (have > blob.size) {
    await rm(path)
    have = 0
  }
  const file = await open(path, have > 0 ? 'a' : 'w', 0o600)
  try {
    let resumed = have > 0
    let hash = have > 0 ? await hashFile(path) : createHash('sha256')
    if (have < blob.size) {
      const response = await client.send({
        method: 'GET',
        target: `blobs/${blob.digest}`,
        ...(have > 0 ? { headers: { range: `bytes=${have}-` } } : {}),
      })
      const status = response.statusCode
      const continues = status === 206 && response.headers['content-range']?.startsWith(`bytes ${have}-`)
      if (status !== 200 && status !== 206 && status !== 416) throw await client.failure(response, `layer ${blob.digest}`)
      if (!continues && have > 0) {
        await file.truncate(0)
        have = 0
        resumed = false
        hash = createHash('sha256')
      }
      if (status === 416 || (status === 206 && !continues)) {
        response.destroy()
        throw new GantryError('unavailable', `the registry cannot continue layer ${blob.digest}`)
      }
      have = await receive(response, { ...download, file, hash, have })
    }
    await verify(download, { hash, have, path, resumed })
  } finally {
    await file.close()
  }
}

async function receive(response: http.IncomingMessage, job: Download & { file: FileHandle; hash: Hash; have: number }): Promise<number> {
  let have = job.have
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      have += chunk.length
      if (have > job.blob.size) {
        throw new GantryError('invalid_input', `layer ${job.blob.digest} is longer than the ${job.blob.size} bytes of its manifest`)
      }
      job.hash.update(chunk)
      await job.file.write(chunk)
      job.onProgress(have)
    }
  } catch (cause) {
    if (job.signal.aborted) throw new GantryError('cancelled', 'the request was cancelled', {}, { cause })
    const code = (cause as NodeJS.ErrnoException).code
    if (cause instanceof GantryError || code === 'ENOSPC' || code === 'EDQUOT') throw cause
    throw new GantryError(
      'unavailable',
      `the connection broke after ${have} of ${job.blob.size} bytes of layer ${job.blob.digest}`,
      {},
      { cause },
    )
  } finally {
    response.destroy()
  }
  return have
}

async function verify({ blob }: Download, got: { hash: Hash; have: number; path: string; resumed: boolean }): Promise<void> {
  if (got.have < blob.size) {
    throw new GantryError('unavailable', `the connection ended after ${got.have} of ${blob.size} bytes of layer ${blob.digest}`)
  }
  const digest = `sha256:${got.hash.digest('hex')}`
  if (digest === blob.digest) return
  await rm(got.path, { force: true })
  // The part of an earlier attempt may have suffered on the disk: once more, from the start.
  if (got.resumed) throw new GantryError('unavailable', `the earlier part of layer ${blob.digest} was damaged`)
  throw new GantryError('invalid_input', `what the registry sent as ${blob.digest} has the digest ${digest}`, {
    remedy: 'the registry’s copy is damaged: push the image again',
  })
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
