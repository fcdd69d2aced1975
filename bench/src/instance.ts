import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createAgentClient } from '@gantry/agent-rpc/client'
import { type AgentClient, hostAdminPolicy } from '@gantry/contracts'
import { type CpuMeter, cpuMeter, groupCpuMs, processesOf } from './cpu-time.ts'
import { answers, dockerCalls } from './docker-api.ts'
import type { CreateOptions, Engine } from './engine.ts'

export const repository = join(import.meta.dirname, '..', '..')
const projectId = 'default'

/** An agent of our own with empty folders. */
export async function startAgent({ dataParent, env }: { dataParent: string; env: Record<string, string> }) {
  const bundle = join(repository, 'packages/agent/dist/main.js')
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: npm run build makes it`)
  const dataDir = realpathSync(mkdtempSync(join(dataParent, 'gantry-bench-')))
  const runDir = mkdtempSync('/run/gantry-bench-')
  const child = spawn(process.execPath, [bundle], {
    env: { ...process.env, GANTRY_DATA: dataDir, GANTRY_RUN: runDir, GANTRY_LOG: 'warn', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const client = createAgentClient(join(runDir, 'agent.sock'))
  return {
    ...{ client, dataDir, runDir, pid: child.pid ?? 0 },
    ready: () => untilAnswers(client, child),
    async close() {
      client.close()
      await ended(child)
      for (const folder of [dataDir, runDir]) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What is measured goes over the agent's socket. */
export function startGantry(dataParent: string): Promise<Engine> {
  return start(dataParent, async ({ client }) => ({ ...agentCalls(client), name: 'gantry', close: async () => undefined }))
}

/** The same through the gateway, as docker's clients ask: with permission, quota and audit. */
export function startGantryDoor(dataParent: string): Promise<Engine> {
  return start(dataParent, async ({ dataDir, runDir }, meter) => {
    const socket = join(runDir, 'docker.sock')
    const gateway = spawn(process.execPath, [join(repository, 'apps/gateway/dist/main.js')], {
      env: {
        ...process.env,
        ...{ GANTRY_DATA: dataDir, GANTRY_RUN: runDir, GANTRY_LISTEN: '127.0.0.1:0', GANTRY_PANEL: 'off' },
        ...{ GANTRY_LOG: 'warn', NODE_ENV: 'production' },
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    meter.add(gateway.pid ?? 0)
    while (!(await answers(socket))) {
      if (gateway.exitCode !== null) throw new Error(`the gateway ended with ${gateway.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return { ...dockerCalls(socket, undefined), name: 'gantry docker.sock', close: () => ended(gateway) }
  })
}

type Door = Omit<Engine, 'cpuMs' | 'processes'>

async function start(
  dataParent: string,
  open: (own: Awaited<ReturnType<typeof startAgent>>, meter: CpuMeter) => Promise<Door>,
): Promise<Engine> {
  const meterName = `gantry-bench-${process.pid}-${Date.now()}`
  const meter = cpuMeter(meterName)
  const own = await startAgent({ dataParent, env: {} })
  const { client: agent, dataDir } = own
  meter.add(own.pid)
  await own.ready()
  const door = await open(own, meter)
  const group = `gantry-${createHash('sha256').update(dataDir).digest('hex').slice(0, 4)}`
  return {
    ...door,
    cpuMs: () => meter.readMs() + groupCpuMs(group),
    processes: () => processesOf((_pid, _commandLine, cgroups) => cgroups.includes(`/${meterName}/`) || cgroups.includes(`/${group}/`)),
    async close() {
      for (const { id } of await agent.call('container.list', {})) await agentCalls(agent).remove(id)
      await door.close()
      await own.close()
      await meter.remove()
    },
  }
}

function agentCalls(agent: AgentClient): Omit<Engine, 'name' | 'cpuMs' | 'processes' | 'close'> {
  return {
    create: (command, options) => create(agent, command, options),
    start: async (id) => void (await agent.call('container.start', { projectId, container: id })),
    async wait(id) {
      const { exitCode } = await agent.call('container.wait', { projectId, container: id })
      if (exitCode !== 0) throw new Error(`the container ended with ${exitCode}`)
    },
    remove: async (id) => void (await agent.call('container.remove', { projectId, container: id, force: true, volumes: true })),
    async exec(id, command) {
      const { exitCode } = await agent.call('exec.run', { projectId, container: id, spec: { command: [...command] } })
      if (exitCode !== 0) throw new Error(`exec ended with ${exitCode}`)
    },
    async readLog(id) {
      let characters = 0
      for await (const { lines } of agent.stream('container.logs', { projectId, container: id })) {
        for (const line of lines) characters += line.text.length + (line.partial ? 0 : 1)
      }
      return characters
    },
    async stats(ids) {
      const all = await agent.call('container.stats', {})
      if (all.length !== ids.length) throw new Error(`counters of ${all.length} containers came, not of ${ids.length}`)
    },
    load: (archive) => load(agent, archive),
  }
}

async function create(agent: AgentClient, command: readonly string[], { resources, logBytes }: CreateOptions = {}): Promise<string> {
  const log = logBytes === undefined ? undefined : { maxSizeBytes: logBytes, maxFiles: 2 }
  const spec = { image: 'busybox', command: [...command], resources, log }
  return (await agent.call('container.create', { projectId, spec, policy: hostAdminPolicy })).id
}

/** As `gantry load -i FILE`: the unpacker gets the file's own descriptor. */
async function load(agent: AgentClient, archive: string): Promise<void> {
  const { channel, result } = agent.duplex('image.load', { projectId }, { bulk: true })
  const progress = (async () => {
    for await (const _ of channel.incoming);
  })()
  const file = openSync(archive, 'r')
  const socket = await channel.bulk
  if (!socket) throw new Error('the agent gave no connection')
  const helper = spawn(join(repository, 'native/build/gantry-handover'), [], { stdio: [file, 'ignore', 'inherit', socket] })
  await new Promise((resolve) => helper.once('exit', resolve))
  socket.destroy()
  closeSync(file)
  await progress
  await result
}

async function untilAnswers(agent: AgentClient, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}`)
    const ready = await agent.call('system.info', {}).then(
      () => true,
      () => false,
    )
    if (ready) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
