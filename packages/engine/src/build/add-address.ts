import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { chmod, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Build } from './builder.ts'
import type { CopyGroup } from './copy-step.ts'
import { bad } from './dockerfile/read-dockerfile.ts'
import { fetchFile } from './fetch-file.ts'

export interface AddAddress {
  readonly url: string
  readonly destination: string
  /** `sha256:…`: what must come. */
  readonly checksum: string | undefined
  readonly line: number
}

/** A file that ADD fetches: root's alone, with the time that the server names, never unpacked, and cached by what is in it. */
export async function addressGroup(build: Build, { url, destination, checksum, line }: AddAddress): Promise<CopyGroup> {
  if (checksum !== undefined && !/^sha256:[0-9a-f]{64}$/.test(checksum)) throw bad(line, `unsupported checksum: ${checksum}`)
  const folder = join(`${build.context.folder}-fetched`, String(build.inlineCount++))
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const path = join(folder, 'file')
  const { limits, signal, input } = build
  const left = { ...limits, maxBytes: Math.max(0, limits.maxBytes - build.fetchedBytes) }
  const fetched = await fetchFile({ url, path, anywhere: input.policy.hostAccess, limits: left, signal, onProgress: build.tellDownload })
  build.fetchedBytes += fetched.bytes
  if (checksum !== undefined && checksum !== `sha256:${fetched.digest}`) {
    throw new GantryError('invalid_input', `digest mismatch sha256:${fetched.digest}: ${checksum} (line ${line})`, { value: url })
  }
  if (fetched.name === '' && destination.endsWith('/')) throw bad(line, `cannot determine filename for source ${url}`)
  await chmod(path, 0o600)
  await utimes(path, fetched.modified, fetched.modified)
  const sum = createHash('sha256')
    .update(JSON.stringify([fetched.name, fetched.digest]))
    .digest('hex')
  return {
    view: { kind: 'folder', path: folder, writable: false },
    sources: [{ path: '/file', name: fetched.name || '__unnamed__', folder: false, checksum: sum }],
  }
}
