import { GantryError } from '@gantry/contracts'
import { RE2JS, RE2JSException } from 're2js'

/** A longer one is no name's; each part of it, and each expression, costs time to read. */
const longest = 512
const most = 16

/**
 * Docker's filters by name or id are Go's regular expressions, of which one must be found in the name; what is none fits itself only.
 * They are strangers', so they are read by a library that takes time linear in the name, as Go's does.
 */
export function namePattern(texts: readonly string[]): (name: string) => boolean {
  const plain = texts.filter(isPlain)
  const others = texts.filter((text) => !isPlain(text))
  if (others.length > most) throw new GantryError('invalid_input', `more than ${most} expressions in a filter`, { field: 'filters' })
  const patterns = others.flatMap((text) => compile(text) ?? [])
  return (name) =>
    plain.some((text) => name.includes(text)) || others.includes(name) || patterns.some((pattern) => pattern.matcher(name).find())
}

const isPlain = (text: string) => /^[\w/-]*$/.test(text)

function compile(text: string): RE2JS | undefined {
  if (text.length > longest) return undefined
  try {
    return RE2JS.compile(text)
  } catch (error) {
    if (error instanceof RE2JSException) return undefined
    throw error
  }
}
