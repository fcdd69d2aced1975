import { join } from 'node:path'
import { type Backend, createBackend, ensureDefaultProject, keepReconciled, needsSetup, setUpFromEnvironment } from '@gantry/core'
import { pino, stdSerializers } from 'pino'
import { exportHead } from './audit/head-file.ts'
import { makeAuditKey, readAuditKey } from './audit/key-file.ts'
import { type GatewayConfig, readConfig } from './config.ts'
import { type DockerDoor, openDockerDoor, openTlsDoor } from './docker/docker-door.ts'
import { notBuilt, openPanel } from './panel/panel.ts'
import { createGateway } from './server.ts'

const config = readConfig(process.env)
const logger = pino({ level: config.logLevel, base: null, serializers: { error: stdSerializers.err, cause: stdSerializers.err } })
const log = {
  info: (message: string, fields: object = {}) => logger.info(fields, message),
  warn: (message: string, fields: object = {}) => logger.warn(fields, message),
  error: (message: string, fields: object = {}) => logger.error(fields, message),
}

async function main(): Promise<void> {
  const keyFile = join(config.panelData, 'audit.key')
  makeAuditKey(keyFile)
  const backend = await createBackend({
    databaseUrl: config.databaseUrl,
    migrationsDir: config.migrationsDir,
    agentSocket: config.agentSocket,
    auditKey: readAuditKey(keyFile),
    log,
    // For whoever reads the console, not for log collectors, hence no JSON.
    showSetupCode: (code) => console.log(`setup code: ${code}`),
  })
  await prepareSetup(backend, config)
  await ensureDefaultProject(backend)
  const abort = new AbortController()
  const reconciled = keepReconciled(backend, abort.signal)
  const head = exportHead(backend, join(config.panelData, 'audit-head.json'))
  const { host, port } = config
  const panel = config.panel ? await openPanel({ ...config.panel, hostname: host, port }) : notBuilt
  const gateway = createGateway({ ...config, backend, panel })
  const docker = await dockerDoor(backend, config)
  const dockerTls = config.dockerTls && (await openTlsDoor(backend, config.dockerTls))
  await listen(gateway.server, config)

  const stop = async () => {
    await Promise.all([gateway.stop(), docker?.close(), dockerTls?.close()])
    abort.abort()
    await reconciled
    await panel.close()
    await head.stop()
    backend.agent.close()
    await backend.db.close()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void stop().then(() => process.exit(0), fail))
  }
}

/** The first administrator comes from the environment, or by the set-up page and the code. */
async function prepareSetup(backend: Backend, { admin }: GatewayConfig): Promise<void> {
  if (admin && (await setUpFromEnvironment(backend, admin)))
    log.info('made the first administrator from the environment', { email: admin.email })
  if (await needsSetup(backend)) backend.setupCode.issue()
}

/** The panel goes on without it. */
async function dockerDoor(backend: Backend, { docker }: GatewayConfig): Promise<DockerDoor | undefined> {
  try {
    return await openDockerDoor(backend, docker)
  } catch (error) {
    log.error('docker clients cannot be served', { ...docker, error })
    return undefined
  }
}

function listen(server: ReturnType<typeof createGateway>['server'], { host, port }: GatewayConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      log.info('listening', { host, port })
      resolve()
    })
  })
}

function fail(error: unknown): never {
  log.error('the gateway cannot go on', { error })
  process.exit(1)
}

process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }))
await main().catch(fail)
