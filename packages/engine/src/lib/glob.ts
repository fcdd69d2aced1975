/** A pattern of a shell (Go's path.Match) as one for whole texts: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are sets. */
export function globPattern(glob: string): RegExp {
  const parts = glob.match(/\\.|\[\^?[^\]]+\]|./gs) ?? []
  const source = parts.map((part) => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 2 && part.startsWith('[')) return part.replace(/\\/g, '\\\\')
    return (part.length === 2 ? part.slice(1) : part).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  })
  try {
    return new RegExp(`^${source.join('')}$`, 's')
  } catch {
    // A set such as [z-a] matches nothing.
    return /(?!)/
  }
}
