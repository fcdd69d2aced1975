import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packArchive } from '../../support/image-archive.ts'

/** Name of the image that every engine in these tests is given. */
export const testImage = 'judge:1'

/** Writes an archive with a small image of Debian's busybox; the same bytes for every engine. Returns its path. */
export function testImageArchive(folder: string): string {
  const root = join(folder, 'root')
  for (const name of ['bin', 'etc', 'tmp', 'root', 'www']) mkdirSync(join(root, name), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777)
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
  if (!busybox) throw new Error('busybox is missing: apt-get install busybox-static')
  copyFileSync(busybox, join(root, 'bin/busybox'))
  for (const applet of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n')) {
    if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/tmp:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nguest:x:1000:\n')
  writeFileSync(join(root, 'www/index.html'), 'hello from the test image\n')
  return packArchive(folder, root, testImage, { Cmd: ['sh'], Env: ['PATH=/bin', 'FROM_IMAGE=yes'] })
}
