import { posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { globToRegExp } from './glob.ts'

/** True for a path that a `.dockerignore` leaves out. The last pattern that matches the path or a folder above it decides. */
export function readIgnore(text: string): (path: string) => boolean {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => toRule(line) ?? [])
  return (path) => {
    let ignored = false
    for (const { exception, pattern } of rules) if (ignored === exception && matches(pattern, path)) ignored = !exception
    return ignored
  }
}

function toRule(line: string): { exception: boolean; pattern: RegExp } | undefined {
  const exception = line.startsWith('!')
  const cleaned = posix
    .normalize(exception ? line.slice(1).trim() : line)
    .replace(/^\/+/, '')
    .replace(/\/+$/, '')
  if (cleaned === '' || cleaned === '.') return undefined
  const pattern = globToRegExp(cleaned, { anyDepth: true })
  if (!pattern) throw new GantryError('invalid_input', `invalid pattern in .dockerignore: ${line}`, { field: '.dockerignore', value: line })
  return { exception, pattern }
}

function matches(pattern: RegExp, path: string): boolean {
  for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) if (pattern.test(path.slice(0, at))) return true
  return false
}
