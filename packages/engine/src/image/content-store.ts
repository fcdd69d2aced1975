import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { faultPoint } from '../lib/fault.ts'
import type { WriteBehind } from '../lib/write-behind.ts'
import { digestOf, maxDocumentBytes } from './manifest.ts'

/**
 * Blobs by digest, in the form of an OCI image layout: `<root>/oci-layout`, `<root>/blobs/sha256/<hex>`. What has a name there is whole;
 * everything unfinished lies below `<root>/tmp`, which is emptied at start, or `<root>/partial` (downloads that go on
 * where they stopped).
 */
export class ContentStore {
  readonly #blobs: string
  readonly #temporary: string
  /** Folder for unfinished downloads, one file per digest. */
  readonly partialFolder: string

  readonly #writeBehind: WriteBehind

  private constructor(root: string, writeBehind: WriteBehind) {
    this.#writeBehind = writeBehind
    this.#blobs = join(root, 'blobs', 'sha256')
    this.#temporary = join(root, 'tmp')
    this.partialFolder = join(root, 'partial')
  }

  /** Checks what a power loss may have left half written, and removes what is. */
  static async open(root: string, writeBehind: WriteBehind): Promise<ContentStore> {
    const store = new ContentStore(root, writeBehind)
    mkdirSync(root, { recursive: true, mode: 0o700 })
    await rm(store.#temporary, { recursive: true, force: true })
    for (const folder of [store.#blobs, store.#temporary, store.partialFolder]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n')
    if (writeBehind.unsynced) await store.#removeDamaged(writeBehind.unsynced.since)
    writeBehind.forgive()
    return store
  }

  /** The clock may have been set meanwhile, hence the hour. Partial downloads of that time are not worth a check. */
  async #removeDamaged(since: number): Promise<void> {
    const recent = (path: string) => statSync(path).mtimeMs > since - 3_600_000
    for (const name of readdirSync(this.partialFolder))
      if (recent(join(this.partialFolder, name))) unlinkSync(join(this.partialFolder, name))
    for (const digest of this.list()) {
      const path = this.path(digest)
      if (recent(path) && `sha256:${(await hashFile(path)).digest('hex')}` !== digest) unlinkSync(path)
    }
  }

  path(digest: string): string {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new GantryError('internal', `${digest} is not a digest`)
    return join(this.#blobs, digest.slice(7))
  }

  has(digest: string): boolean {
    return existsSync(this.path(digest))
  }

  size(digest: string): number {
    return statSync(this.path(digest)).size
  }

  /** A manifest, index or config. Throws `not_found`, and `internal` when the disk gave back something else. */
  async read(digest: string): Promise<Buffer> {
    if (!this.has(digest)) throw new GantryError('not_found', `content ${digest} is missing`, { remedy: 'pull or load the image again' })
    if (this.size(digest) > maxDocumentBytes) throw new GantryError('invalid_input', `${digest} is too large to be a manifest or config`)
    const bytes = await readFile(this.path(digest))
    if (digestOf(bytes) !== digest) throw new GantryError('internal', `content ${digest} is damaged on the disk`)
    return bytes
  }

  stream(digest: string, start = 0): NodeJS.ReadableStream & AsyncIterable<Uint8Array> {
    return createReadStream(this.path(digest), { start, highWaterMark: 256 * 1024 })
  }

  /** Stores a small document. Returns its digest. */
  async write(bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes)
    if (this.has(digest)) return digest
    const temporary = join(this.#temporary, randomBytes(8).toString('hex'))
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
    } finally {
      await file.close()
    }
    await this.adopt(temporary, digest)
    return digest
  }

  /** Takes over a finished file whose content has been checked against `digest`. It is flushed to the disk later. */
  async adopt(path: string, digest: string): Promise<void> {
    await this.#writeBehind.write(() => rename(path, this.path(digest)))
    faultPoint('blob.adopted')
  }

  /** A folder of one's own for unfinished things; removed when `use` ends, and at start when it did not. */
  async withTemporary<T>(use: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.#temporary, randomBytes(8).toString('hex'))
    await mkdir(folder)
    try {
      return await use(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  list(): string[] {
    return readdirSync(this.#blobs).map((name) => `sha256:${name}`)
  }

  /** Synchronous, so that nothing happens between the caller's check and the removal. Returns the bytes. */
  remove(digest: string): number {
    if (!this.has(digest)) return 0
    const bytes = this.size(digest)
    unlinkSync(this.path(digest))
    return bytes
  }
}

/** sha256 of a file that is already there. */
export async function hashFile(path: string): Promise<ReturnType<typeof createHash>> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) hash.update(chunk as Uint8Array)
  return hash
}
