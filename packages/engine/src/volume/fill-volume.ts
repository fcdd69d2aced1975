import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Unpacker } from '../kernel/unpack.ts'
import { createFile, syncFolder } from '../lib/atomic-file.ts'
import { faultPoint } from '../lib/fault.ts'
import { isEmpty, type VolumeRecord, type VolumeRecords } from './volume-record.ts'

/** Where the copy is made, and the file that says it is complete and is being moved into the volume. */
const copyFolder = '_fill'
const moving = 'moving.json'

/**
 * Copies what an image has at `path` into an empty volume, once. The copy is made beside the content and moved in when it is whole, so
 * that a crash leaves an empty volume or one whose filling `finishFilling` completes. The folder itself stays the same one: another
 * container may have it mounted.
 */
export async function fillVolume(
  records: VolumeRecords,
  volume: VolumeRecord,
  image: { unpacker: Pick<Unpacker, 'copy'>; path: string; lowerDirs: readonly string[] },
): Promise<void> {
  const folder = records.folder(volume)
  if (volume.filled) return
  if (!isEmpty(records.data(volume))) {
    await records.replace({ ...volume, filled: true })
    return
  }
  const copy = join(folder, copyFolder)
  await rm(copy, { recursive: true, force: true })
  await mkdir(copy)
  try {
    if (!(await image.unpacker.copy(image.lowerDirs, image.path, copy))) {
      await rm(copy, { recursive: true, force: true })
      return
    }
    faultPoint('volume.copied')
    await createFile(join(folder, moving), {})
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    throw error
  }
  faultPoint('volume.moving')
  await finishFilling(records, volume)
}

/** Moves a complete copy into its volume; also called at start for a filling that a crash interrupted. */
export async function finishFilling(records: VolumeRecords, volume: VolumeRecord): Promise<void> {
  const folder = records.folder(volume)
  const copy = join(folder, copyFolder)
  if (!existsSync(join(folder, moving))) {
    await rm(copy, { recursive: true, force: true })
    return
  }
  const data = records.data(volume)
  if (existsSync(copy)) {
    for (const name of await readdir(copy)) if (!existsSync(join(data, name))) await rename(join(copy, name), join(data, name))
    const { uid, gid, mode, atime, mtime } = await stat(copy)
    await chown(data, uid, gid)
    await chmod(data, mode & 0o7777)
    await utimes(data, atime, mtime)
    await syncFolder(data)
  }
  await records.replace({ ...volume, filled: true })
  await rm(copy, { recursive: true, force: true })
  await rm(join(folder, moving), { force: true })
}
