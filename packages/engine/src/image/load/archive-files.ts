import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { ArchiveMember } from '../../kernel/unpack.ts'
import { maxDocumentBytes } from '../manifest.ts'

export type ArchiveFile = Extract<ArchiveMember, { kind: 'file' }>

/** The files of an image archive by the names they have there. The names are keys of a table and never paths on the host. */
export class ArchiveFiles {
  readonly folder: string
  readonly #members = new Map<string, ArchiveMember>()

  /** @param folder where the files lie under their numbers */
  constructor(folder: string) {
    this.folder = folder
  }

  /** A name that comes twice means the later one, as with tar. */
  add(member: ArchiveMember): void {
    this.#members.set(posix.normalize(member.path), member)
  }

  /** Follows links between members; undefined when there is no such file. */
  find(name: string): ArchiveFile | undefined {
    let path = posix.normalize(name)
    for (let hops = 0; hops < 8; hops++) {
      const member = this.#members.get(path)
      if (!member || member.kind === 'file') return member
      // Docker's legacy archives link a layer to the same layer of another image: ../<id>/layer.tar.
      const sideways = posix.normalize(posix.join(posix.dirname(path), member.target))
      path = this.#members.has(sideways) ? sideways : posix.normalize(member.target)
    }
    throw new GantryError('invalid_input', `the links of "${name}" in the archive go in a circle`)
  }

  /** A JSON document; undefined when the archive has no such file. */
  async read(name: string): Promise<Buffer | undefined> {
    const file = this.find(name)
    if (!file) return undefined
    if (file.size > maxDocumentBytes) {
      throw new GantryError('invalid_input', `"${name}" in the archive has ${file.size} bytes`, { limit: `${maxDocumentBytes} bytes` })
    }
    return await readFile(join(this.folder, file.stored))
  }

  /** A blob of an OCI layout, checked against its name. */
  blob(digest: string): ArchiveFile | undefined {
    const file = this.find(`blobs/sha256/${digest.slice(7)}`)
    if (file && file.digest !== digest) {
      throw new GantryError('invalid_input', `the archive is damaged: blob ${digest} has the content of ${file.digest}`)
    }
    return file
  }
}
