import { createHash } from 'node:crypto'
import { mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaults, GantryError } from '@gantry/contracts'
import { type StorageDriver, storageDrivers } from '@gantry/engine'
import { z } from 'zod'

/** `packages/agent/src` and `packages/agent/dist` lie equally deep. */
const repository = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))

const environmentSchema = z.object({
  GANTRY_DATA: z.string().startsWith('/').default(defaults.dataDir),
  GANTRY_RUN: z.string().startsWith('/').max(60, 'must be at most 60 bytes: socket paths are short').default(defaults.runDir),
  GANTRY_NATIVE: z
    .string()
    .startsWith('/')
    .default(join(repository, 'native', 'build')),
  GANTRY_LOG: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  GANTRY_STORAGE_DRIVER: z.enum(storageDrivers).optional(),
  /** Where LXCFS is mounted when it runs; `off`: it is not used. */
  GANTRY_LXCFS: z.union([z.string().startsWith('/'), z.literal('off')]).default('/var/lib/lxcfs'),
  /** Group whose members may use the socket; absent: the group `gantry` when the machine has one. */
  GANTRY_GID: z.coerce.number().int().nonnegative().optional(),
  /** `host[:port]`, comma-separated: registries on private addresses that may be used. */
  GANTRY_REGISTRIES: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((entry) => entry !== '')),
})

export interface AgentConfig {
  readonly dataDir: string
  readonly runDir: string
  readonly nativeDir: string
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  readonly privateRegistries: readonly string[]
  readonly lxcfs: string | undefined
  readonly socketGid: number | undefined
  readonly storageDriver: StorageDriver | undefined
  /** 4 hex digits of the data folder's path: distinguishes what several instances make in one kernel. */
  readonly instanceId: string
}

/** Reads the environment once and makes the two folders. Throws `invalid_input` naming the variable. */
export function readConfig(environment: NodeJS.ProcessEnv): AgentConfig {
  const parsed = environmentSchema.safeParse(withoutEmpty(environment))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new GantryError('invalid_input', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { GANTRY_DATA, GANTRY_RUN, GANTRY_NATIVE, GANTRY_LOG, GANTRY_REGISTRIES, GANTRY_LXCFS, GANTRY_GID, GANTRY_STORAGE_DRIVER } =
    parsed.data
  mkdirSync(GANTRY_DATA, { recursive: true, mode: 0o711 })
  mkdirSync(GANTRY_RUN, { recursive: true, mode: 0o755 })
  const dataDir = realpathSync(GANTRY_DATA)
  return {
    dataDir,
    runDir: realpathSync(GANTRY_RUN),
    nativeDir: GANTRY_NATIVE,
    logLevel: GANTRY_LOG,
    privateRegistries: GANTRY_REGISTRIES,
    lxcfs: GANTRY_LXCFS === 'off' ? undefined : GANTRY_LXCFS,
    socketGid: GANTRY_GID,
    storageDriver: GANTRY_STORAGE_DRIVER,
    instanceId: createHash('sha256').update(dataDir).digest('hex').slice(0, 4),
  }
}

/** `GANTRY_DATA= npm start` means the default. */
function withoutEmpty(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
}
