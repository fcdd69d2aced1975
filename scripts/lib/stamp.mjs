import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** Inside node_modules, so that removing that folder forgets the stamps too. */
const stampDir = join(root, 'node_modules', '.cache', 'gantry')
const skipped = new Set(['node_modules', 'dist', '.next', '.turbo', 'generated', 'build', 'test-results'])

/** A digest of names, sizes and times of all source files below `paths` (relative to the repository); tests do not count. */
export function fingerprint(paths) {
  const hash = createHash('sha256')
  const visit = (path) => {
    const info = statSync(join(root, path), { throwIfNoEntry: false })
    if (!info) return
    if (!info.isDirectory()) {
      if (!/\.test\.tsx?$|\.tsbuildinfo$|next-env\.d\.ts$/.test(path)) hash.update(`${path}\0${info.size}\0${info.mtimeMs}\n`)
      return
    }
    for (const name of readdirSync(join(root, path)).sort()) if (!skipped.has(name)) visit(join(path, name))
  }
  for (const path of paths) visit(path)
  return hash.digest('hex')
}

/** True when `name` was stamped with this value and every output is still there. */
export function isStamped(name, value, outputs = []) {
  const file = join(stampDir, name)
  return existsSync(file) && readFileSync(file, 'utf8') === value && outputs.every((output) => existsSync(join(root, output)))
}

export function stamp(name, value) {
  mkdirSync(stampDir, { recursive: true })
  writeFileSync(join(stampDir, name), value)
}
