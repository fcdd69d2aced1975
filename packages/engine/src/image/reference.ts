import { GantryError } from '@gantry/contracts'

/** A name of an image, with what docker leaves out filled in. */
export interface Reference {
  /** Host, with port when one was given; `docker.io` when none was. */
  readonly registry: string
  /** Path at the registry: lower case, `library/` filled in for docker.io. */
  readonly repository: string
  /** Absent when only a digest was given. */
  readonly tag?: string
  /** `sha256:…` */
  readonly digest?: string
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const registryPattern =
  /^(?:localhost|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::[0-9]{1,5})?$/
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$/
const digestPattern = /^sha256:[0-9a-f]{64}$/

/**
 * Reads `[registry/]name[:tag][@digest]` by docker's rules (distribution/reference): the first part is a registry when it has a dot or
 * a colon or is `localhost`; `latest` when there is neither tag nor digest. Throws `invalid_input`.
 */
export function parseReference(text: string): Reference {
  const [named = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) throw bad(text, 'the digest must be sha256:<64 hex digits>')
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const hasRegistry = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())
  const registry = hasRegistry ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io'
  const path = hasRegistry ? named.slice(slash + 1) : named
  const colon = path.lastIndexOf(':')
  const tag = colon < 0 ? undefined : path.slice(colon + 1)
  const bare = colon < 0 ? path : path.slice(0, colon)
  if (tag !== undefined && !tagPattern.test(tag)) throw bad(text, `the tag "${tag}" may hold only letters, digits, "_", "." and "-"`)
  if (!registryPattern.test(registry)) throw bad(text, `"${registry}" is not a registry's host[:port]`)
  if (!repositoryPattern.test(bare)) throw bad(text, `"${bare}" must be lower case letters and digits, separated by ".", "_", "-" or "/"`)
  const repository = registry === 'docker.io' && !bare.includes('/') ? `library/${bare}` : bare
  if (repository.length > 255) throw bad(text, 'the name is longer than 255 characters')
  if (digest) return { registry, repository, ...(tag ? { tag } : {}), digest }
  return { registry, repository, tag: tag ?? 'latest' }
}

function bad(text: string, why: string): GantryError {
  return new GantryError('invalid_input', `invalid image reference "${text}": ${why}`, { field: 'reference', value: text })
}

/** `registry/repository`, the key of everything stored under a name. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`
}

/** As people write it: without `docker.io/` and `library/`. The tag wins over the digest. */
export function familiar(reference: Reference): string {
  const suffix = reference.tag ? `:${reference.tag}` : `@${reference.digest}`
  return familiarName(repositoryName(reference)) + suffix
}

/** The same for a stored key such as `docker.io/library/busybox:latest`. */
export function familiarName(key: string): string {
  return key.replace(/^docker\.io\//, '').replace(/^library\//, '')
}
