import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const version = '24.21.0'
const repository = join(import.meta.dirname, '../../..')

/** A Node that testcontainers runs on (22.22 or newer): this one, else one from npm that is kept beside the modules. */
export function newerNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 22)) return process.execPath
  const name = `node-linux-${process.arch}`
  const folder = join(repository, 'node_modules/.cache', `${name}-${version}`)
  const node = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(node)) {
    const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', ['install', '--prefix', folder, ...quiet, `${name}@${version}`], { stdio: 'inherit' })
  }
  return node
}
