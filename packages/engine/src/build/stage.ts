import type { ImageState } from '../image/make-image.ts'
import type { RunConfig } from '../image/image-document.ts'
import type { Variables } from './dockerfile/words.ts'

/** Variables that a RUN may be given without an ARG, and that make no difference to the cache. */
const predefined = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
)

/** A stage of a build while its steps are carried out. */
export class Stage {
  readonly name: string | undefined
  state: ImageState
  /** Digest of the state's config file; '' for scratch. */
  id: string
  /** Of the last step. */
  cacheKey: string | undefined
  /** While the steps are carried out that its base image wants: they are told of as one. */
  inTriggers = false
  /** Declared by ARG in this stage: with the caller's value, the default, or none. */
  readonly #args = new Map<string, string | undefined>()
  readonly #given: ReadonlyMap<string, string>

  constructor(options: Pick<Stage, 'name' | 'state' | 'id' | 'cacheKey'> & { given: ReadonlyMap<string, string> }) {
    this.name = options.name
    this.state = options.state
    this.id = options.id
    this.cacheKey = options.cacheKey
    this.#given = options.given
  }

  get config(): RunConfig {
    return this.state.document.config ?? {}
  }

  declare(name: string, value: string | undefined): void {
    this.#args.set(name, value)
  }

  /** What instructions may refer to: the environment wins over arguments. */
  get variables(): Variables {
    const variables = new Map<string, string>()
    for (const [name, value] of this.#args) if (value !== undefined) variables.set(name, value)
    for (const [name, value] of environment(this.config)) variables.set(name, value)
    return variables
  }

  /** Arguments that a command sees; of these, `counted` are part of what the step is. */
  runArguments(): { env: string[]; counted: string[] } {
    const own = environment(this.config)
    const declared = [...this.#args].flatMap(([name, value]) => (value === undefined || own.has(name) ? [] : [`${name}=${value}`]))
    const proxies = [...this.#given]
      .filter(([name]) => predefined.has(name) && !this.#args.has(name))
      .map(([name, value]) => `${name}=${value}`)
    return { env: [...declared, ...proxies], counted: declared.sort() }
  }
}

export const isPredefined = (name: string): boolean => predefined.has(name)

function environment(config: RunConfig): Map<string, string> {
  return new Map((config.Env ?? []).map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]))
}
