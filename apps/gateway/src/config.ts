import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GantryError, defaults } from '@gantry/contracts'
import { z } from 'zod'

/** `apps/gateway/src` and `apps/gateway/dist` lie equally deep. */
const repository = fileURLToPath(new URL('../../..', import.meta.url))

const absolute = z.string().startsWith('/', 'must be an absolute path')
const flag = z
  .enum(['', '0', '1'])
  .default('')
  .transform((text) => text === '1')

const hostAndPort = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]]*):\d{1,5}$/, 'must be host:port')

const environmentSchema = z.object({
  /** `host:port`, `[::1]:port` or `:port`. */
  GANTRY_LISTEN: hostAndPort.default(defaults.listen),
  GANTRY_DATA: absolute.default(defaults.dataDir),
  GANTRY_RUN: absolute.default(defaults.runDir),
  /** Where browsers reach the panel when a proxy is in front: `https://panel.example`. */
  GANTRY_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** 1: the last address in X-Forwarded-For is the browser's. Only behind a proxy that sets it. */
  GANTRY_TRUST_PROXY: flag,
  /** `postgresql://…`; absent: SQLite in the data folder. */
  GANTRY_DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgresql://')
    .optional(),
  /** `off`: API only. */
  GANTRY_PANEL: z.enum(['on', 'off']).default('on'),
  GANTRY_PANEL_DIR: absolute.default(join(repository, 'apps/panel')),
  GANTRY_PANEL_DEV: flag,
  GANTRY_MIGRATIONS_DIR: absolute.default(join(repository, 'prisma/migrations')),
  /** `host:port` where Docker clients with a certificate are served by TLS; needs the three files below. */
  GANTRY_DOCKER_LISTEN: hostAndPort.optional(),
  GANTRY_DOCKER_TLS_CERT: absolute.optional(),
  GANTRY_DOCKER_TLS_KEY: absolute.optional(),
  /** Who signs the certificates of clients. */
  GANTRY_DOCKER_TLS_CA: absolute.optional(),
  /** Descriptor of the Docker API's listening socket; absent: the gateway makes it in GANTRY_RUN, where it may. */
  GANTRY_DOCKER_FD: z.coerce.number().int().min(3).optional(),
  GANTRY_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  GANTRY_ADMIN_EMAIL: z.string().optional(),
  GANTRY_ADMIN_PASSWORD: z.string().optional(),
})

export interface DockerTlsConfig {
  readonly host: string
  readonly port: number
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface GatewayConfig {
  readonly host: string
  readonly port: number
  readonly panelData: string
  readonly agentSocket: string
  readonly docker: { fd: number } | { path: string }
  readonly dockerTls: DockerTlsConfig | undefined
  readonly publicUrl: URL | undefined
  readonly trustProxy: boolean
  readonly databaseUrl: string
  readonly panel: { dir: string; dev: boolean } | undefined
  readonly migrationsDir: string
  readonly logLevel: string
  readonly admin: { email: string; password: string } | undefined
}

/** Reads the environment once. Throws `invalid_input` naming the variable. */
export function readConfig(environment: Record<string, string | undefined>): GatewayConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = environmentSchema.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new GantryError('invalid_input', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  const env = parsed.data
  const panelData = join(env.GANTRY_DATA, 'panel')
  return {
    ...parseListen('GANTRY_LISTEN', env.GANTRY_LISTEN),
    panelData,
    agentSocket: join(env.GANTRY_RUN, defaults.agentSocket),
    docker: env.GANTRY_DOCKER_FD === undefined ? { path: join(env.GANTRY_RUN, defaults.dockerSocket) } : { fd: env.GANTRY_DOCKER_FD },
    dockerTls: dockerTls(env),
    publicUrl: env.GANTRY_PUBLIC_URL ? new URL(env.GANTRY_PUBLIC_URL) : undefined,
    trustProxy: env.GANTRY_TRUST_PROXY,
    databaseUrl: env.GANTRY_DATABASE_URL ?? `file:${join(panelData, 'gantry.db')}`,
    panel: env.GANTRY_PANEL === 'on' ? { dir: env.GANTRY_PANEL_DIR, dev: env.GANTRY_PANEL_DEV } : undefined,
    migrationsDir: env.GANTRY_MIGRATIONS_DIR,
    logLevel: env.GANTRY_LOG,
    admin: administrator(env),
  }
}

function parseListen(variable: string, listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':')
  const port = Number(listen.slice(colon + 1))
  if (port > 65535) throw new GantryError('invalid_input', `${variable}: port ${port} exceeds 65535`)
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, '') || '::', port }
}

function dockerTls(env: z.output<typeof environmentSchema>): DockerTlsConfig | undefined {
  const { GANTRY_DOCKER_LISTEN: listen, GANTRY_DOCKER_TLS_CERT: cert, GANTRY_DOCKER_TLS_KEY: key, GANTRY_DOCKER_TLS_CA: ca } = env
  if (listen === undefined) return undefined
  if (!cert || !key || !ca) {
    throw new GantryError(
      'invalid_input',
      'GANTRY_DOCKER_LISTEN needs GANTRY_DOCKER_TLS_CERT, GANTRY_DOCKER_TLS_KEY and GANTRY_DOCKER_TLS_CA',
      {
        remedy: 'without certificates of clients whoever reaches the port would be let in',
      },
    )
  }
  return { ...parseListen('GANTRY_DOCKER_LISTEN', listen), cert, key, ca }
}

function administrator({ GANTRY_ADMIN_EMAIL: email, GANTRY_ADMIN_PASSWORD: password }: z.output<typeof environmentSchema>) {
  if (!email && !password) return undefined
  if (email && password) return { email, password }
  throw new GantryError('invalid_input', 'GANTRY_ADMIN_EMAIL and GANTRY_ADMIN_PASSWORD must be given together')
}
