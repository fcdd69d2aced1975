import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, copyFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { ask, run } from '../lib/command.mjs'
import { step } from '../lib/say.mjs'

/** What the initramfs needs to reach disk and shares; every other module is loaded later through the shared root. */
const bootModules = ['virtio_pci', 'virtio_blk', 'ext4', 'overlay', '9p', '9pnet_virtio', 'crc32c_generic', 'crc32c_intel']
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gantry-vm')

/** The stock Debian kernel: fetched once, unpacked below the cache folder. */
export async function debianKernel() {
  const folder = join(cache, 'kernel')
  if (!existsSync(join(folder, 'version'))) await step('fetching the Debian kernel for the virtual machine', () => fetchKernel(folder))
  const version = readFileSync(join(folder, 'version'), 'utf8')
  return { image: join(folder, 'vmlinuz'), version, modules: join(folder, 'lib/modules', version), folder, cache }
}

async function fetchKernel(folder) {
  mkdirSync(cache, { recursive: true })
  const scratch = mkdtempSync(join(cache, 'fetch-'))
  try {
    // linux-image-amd64 is a meta package: what it depends on holds the kernel.
    const real = () => /^\s*Depends: (linux-image-\d\S*)$/m.exec(ask('apt-cache', ['depends', 'linux-image-amd64']) ?? '')?.[1]
    if (!real()) await run('apt-get', ['-q', 'update'])
    const name = real()
    if (!name) throw new Error('apt knows no linux-image-amd64')
    await run('apt-get', ['-q', 'download', name], { cwd: scratch })
    const archive = readdirSync(scratch).find((file) => file.endsWith('.deb'))
    const tree = join(scratch, 'tree')
    await run('dpkg', ['-x', join(scratch, archive), tree])
    if (!existsSync(join(tree, 'lib'))) renameSync(join(tree, 'usr/lib'), join(tree, 'lib'))
    const [version] = readdirSync(join(tree, 'lib/modules'))
    await run('depmod', ['-b', tree, version])
    renameSync(join(tree, 'boot', `vmlinuz-${version}`), join(tree, 'vmlinuz'))
    writeFileSync(join(tree, 'version'), version)
    rmSync(folder, { recursive: true, force: true })
    renameSync(tree, folder)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Writes an initramfs with busybox, the boot modules, init and `files` (name to content). */
export async function buildInitramfs(kernel, target, files) {
  const tree = mkdtempSync(join(cache, 'initramfs-'))
  try {
    mkdirSync(join(tree, 'bin'))
    mkdirSync(join(tree, 'modules'))
    const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
    copyFileSync(busybox, join(tree, 'bin/busybox'))
    copyFileSync(join(import.meta.dirname, 'init.sh'), join(tree, 'init'))
    const order = new Set()
    for (const name of bootModules) {
      const lines = ask('modprobe', ['-d', kernel.folder, '-S', kernel.version, '--show-depends', name]) ?? ''
      for (const [, path] of lines.matchAll(/^insmod (\S+)/gm)) {
        order.add(basename(path))
        copyFileSync(path, join(tree, 'modules', basename(path)))
      }
    }
    writeFileSync(join(tree, 'modules/order'), [...order, ''].join('\n'))
    for (const [name, content] of Object.entries(files)) writeFileSync(join(tree, name), content)
    await run('sh', ['-c', 'chmod 755 init bin/busybox && find . -print0 | cpio -0 -o -H newc --quiet >"$1"', 'sh', target], { cwd: tree })
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}
