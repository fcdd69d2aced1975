/** The parts of `[registry/]path[:tag][@digest]` that clients are told of, and sends in pieces. */
export interface ImageName {
  /** Without tag or digest, as people write it. */
  readonly name: string
  /** At the registry. */
  readonly path: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

export function splitName(text: string): ImageName {
  const [named = '', digest] = text.split('@', 2)
  const [, name = named, tag] = /^(.*):([^:/]+)$/s.exec(named) ?? []
  const [first = '', ...rest] = name.split('/')
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const official = !hasRegistry || first === 'docker.io' || first === 'index.docker.io'
  const bare = hasRegistry ? rest.join('/') : name
  const short = official ? bare.replace(/^library\//, '') : name
  return { name: short, path: official && !bare.includes('/') ? `library/${bare}` : bare, tag, digest }
}

/** `repo` and `tag` as the API has them apart; a tag may be a digest. */
export function joinName(repo: string, tag: string | undefined): string {
  if (!tag) return repo
  return tag.startsWith('sha256:') ? `${repo}@${tag}` : `${repo}:${tag}`
}
