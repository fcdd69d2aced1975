import { extract, type Header, pack } from 'tar-stream'

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
