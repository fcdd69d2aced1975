import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import * as z from 'zod/mini'
import { linuxSchema } from './linux.ts'
import { processSchema } from './process.ts'

/** The version of the specification that this runtime follows. */
export const ociVersion = '1.2.0'

const mountSchema = z.object({
  destination: z.string(),
  type: z.nullish(z.string()),
  source: z.nullish(z.string()),
  options: z.nullish(z.array(z.string())),
  uidMappings: z.nullish(z.array(z.object({ containerID: z.number(), hostID: z.number(), size: z.number() }))),
  gidMappings: z.nullish(z.array(z.object({ containerID: z.number(), hostID: z.number(), size: z.number() }))),
})
export type Mount = z.infer<typeof mountSchema>

const hookSchema = z.object({
  path: z.string().check(z.startsWith('/', 'must be absolute')),
  args: z.nullish(z.array(z.string())),
  env: z.nullish(z.array(z.string())),
  /** Seconds. */
  timeout: z.nullish(z.int().check(z.positive())),
})
export type Hook = z.infer<typeof hookSchema>
const hookList = z.nullish(z.array(hookSchema))
const hooksSchema = z.object({
  prestart: hookList,
  createRuntime: hookList,
  createContainer: hookList,
  startContainer: hookList,
  poststart: hookList,
  poststop: hookList,
})
export type Hooks = z.infer<typeof hooksSchema>

/** What Linux uses of config.json; the specification wants unknown properties to be passed over. */
const configSchema = z.object({
  ociVersion: z.string(),
  process: z.nullish(processSchema),
  root: z.object({ path: z.string(), readonly: z.nullish(z.boolean()) }),
  hostname: z.nullish(z.string()),
  domainname: z.nullish(z.string()),
  mounts: z.nullish(z.array(mountSchema)),
  hooks: z.nullish(hooksSchema),
  linux: z.nullish(linuxSchema),
  annotations: z.nullish(z.record(z.string(), z.string())),
})
export type Config = z.infer<typeof configSchema>

/** Throws `invalid_input` naming the first field that is wrong. */
export function parseWith<T>(schema: z.ZodMiniType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.map(String).join('.') ?? ''
  throw new GantryError('invalid_input', `${what}: ${field ? `${field}: ` : ''}${issue?.message ?? 'is not valid'}`, { field })
}

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GantryError('invalid_input', `${what} is not JSON`, {}, { cause })
  }
}

export function parseConfig(text: string): Config {
  const config = parseWith(configSchema, parseJson(text, 'config.json'), 'config.json')
  if (!/^1\.\d+\.\d+/.test(config.ociVersion)) {
    throw new GantryError('invalid_input', `config.json: ociVersion ${config.ociVersion} is not 1.x`, { field: 'ociVersion' })
  }
  return config
}

export function readConfig(bundle: string): { config: Config; text: string } {
  const path = join(bundle, 'config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new GantryError('not_found', `${path}: cannot be read`, { remedy: '`gantry-oci spec` writes an example' }, { cause })
  }
  return { config: parseConfig(text), text }
}

/** Absolute path of the root file system. */
export function rootfsOf(config: Config, bundle: string): string {
  return isAbsolute(config.root.path) ? config.root.path : join(bundle, config.root.path)
}
