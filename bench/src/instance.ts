import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createAgentClient } from '@gantry/agent-rpc/client'
import { type AgentClient, type ContainerSpecInput, hostAdminPolicy } from '@gantry/contracts'
import { cpuMeter, groupCpuMs } from './cpu-time.ts'

export const repository = join(import.meta.dirname, '..', '..')
export const projectId = 'default'

/** An agent of our own with empty folders. */
export interface Instance {
  readonly agent: AgentClient
  readonly dataDir: string
  readonly pid: number
  /** Cpu time of agent, launcher and every container so far, ended ones included. */
  cpuMs(): number
  create(spec: ContainerSpecInput): Promise<string>
  remove(container: string): Promise<void>
  close(): Promise<void>
}

/** Starts it; `dataParent` names the file system that its data lies on. */
export async function startInstance(dataParent = '/var/lib'): Promise<Instance> {
  const bundle = join(repository, 'packages/agent/dist/main.js')
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: npm run build makes it`)
  const dataDir = realpathSync(mkdtempSync(join(dataParent, 'gantry-bench-')))
  const runDir = mkdtempSync('/run/gantry-bench-')
  const meter = cpuMeter(`gantry-bench-${process.pid}-${Date.now()}`)
  const child = spawn(process.execPath, [bundle], {
    env: { ...process.env, GANTRY_DATA: dataDir, GANTRY_RUN: runDir, GANTRY_LOG: 'warn', NODE_ENV: 'production' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const pid = child.pid ?? 0
  meter.add(pid)
  const agent = createAgentClient(join(runDir, 'agent.sock'))
  await untilAnswers(agent, child)
  const group = `gantry-${createHash('sha256').update(dataDir).digest('hex').slice(0, 4)}`
  const remove = (container: string) =>
    agent.call('container.remove', { projectId, container, force: true, volumes: true }).then(() => undefined)
  return {
    agent,
    dataDir,
    pid,
    cpuMs: () => meter.readMs() + groupCpuMs(group),
    create: async (spec) => (await agent.call('container.create', { projectId, spec, policy: hostAdminPolicy })).id,
    remove,
    close: async () => {
      for (const { id } of await agent.call('container.list', {})) await remove(id)
      agent.close()
      await ended(child)
      await meter.remove()
      for (const folder of [dataDir, runDir]) rmSync(folder, { recursive: true, force: true })
    },
  }
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
