import { chownSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serve } from '@gantry/agent-rpc/server'
import { defaults, GantryError } from '@gantry/contracts'
import { createEngine, type Engine } from '@gantry/engine'
import pino from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { type AgentConfig, readConfig } from './config.ts'
import { lockInstance } from './instance-lock.ts'

/** What takes longer to end is left as a crash leaves it: the next start recovers. Much more than an orderly end takes on a busy machine. */
const shutDownMs = 5000

/** The privileged daemon: configuration, engine, socket. It knows containers; users, rights and HTTP are the gateway's. */
async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new GantryError('forbidden', 'the agent must run as root: it makes namespaces, mounts and cgroups')
  process.umask(0o022)
  const config = readConfig(process.env)
  const log = pino({ level: config.logLevel, base: { process: 'agent', instance: config.instanceId } })
  const unlock = lockInstance(config.dataDir)
  const engine = await openEngine(config, log)
  const server = await serve(engine.handlers, join(config.runDir, defaults.agentSocket), {
    mode: 0o660,
    onInternalError: (error, method, errorId) => log.error({ err: error, method, errorId }, 'request failed'),
  })
  giveToGroup(join(config.runDir, defaults.agentSocket), config.socketGid ?? groupId('gantry'), log)
  log.info({ data: config.dataDir, socket: join(config.runDir, defaults.agentSocket) }, 'agent is ready')

  // One request that went wrong in an unforeseen way must not take the others along.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'))

  let closing = false
  const shutDown = async (signal: string) => {
    if (closing) return
    closing = true
    log.info({ signal }, 'agent is shutting down; containers go on running')
    const end = () => {
      unlock()
      process.exit(0)
    }
    setTimeout(() => {
      log.warn('something does not come to its end, leaving it to the next start')
      end()
    }, shutDownMs)
    await server.close()
    await engine.close()
    end()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown(signal))
}

function openEngine(config: AgentConfig, log: pino.Logger): Promise<Engine> {
  return createEngine(
    {
      ...config,
      version: packageJson.version,
      log: (level, message, fields) => log[level](fields ?? {}, message),
    },
    { privateRegistries: config.privateRegistries, lxcfs: config.lxcfs, storageDriver: config.storageDriver },
  )
}

/** Members of the group may use the socket: that is as good as being root. */
function giveToGroup(socket: string, gid: number | undefined, log: pino.Logger): void {
  if (gid === undefined) log.debug('no group gantry on this machine: only root may use the socket')
  else chownSync(socket, 0, gid)
}

function groupId(name: string): number | undefined {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  return line === undefined ? undefined : Number(line.split(':')[2])
}

main().catch((error) => {
  if (error instanceof GantryError) console.error(`gantry-agent: ${error.message}${error.detail.remedy ? `; ${error.detail.remedy}` : ''}`)
  else console.error(error)
  process.exit(1)
})
