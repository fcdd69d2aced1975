import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createAgentClient } from '@gantry/agent-rpc/client'
import type { AgentClient } from '@gantry/contracts'

const repository = join(import.meta.dirname, '..', '..')

/** A whole Gantry as `npm start` runs it, with folders and a port of its own. */
export interface Instance {
  readonly url: string
  readonly port: number
  readonly runDir: string
  /** One-time code from the console; '' when the first administrator came from the environment. */
  readonly setupCode: string
  readonly agent: AgentClient
  close(): Promise<void>
}

export async function startInstance(env: Record<string, string> = {}): Promise<Instance> {
  const dataDir = mkdtempSync('/var/lib/gantry-test-')
  const runDir = mkdtempSync('/run/gantry-test-')
  const port = await freePort()
  const child = spawn(process.execPath, [join(repository, 'scripts/start.mjs')], {
    cwd: repository,
    env: { ...process.env, ...env, GANTRY_DATA: dataDir, GANTRY_RUN: runDir, GANTRY_LISTEN: `127.0.0.1:${port}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const setupCode = await untilReady(child, !env.GANTRY_ADMIN_EMAIL)
  const agent = createAgentClient(join(runDir, 'agent.sock'))
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    runDir,
    setupCode,
    agent,
    async close() {
      for (const { id, projectId } of await agent.call('container.list', {})) {
        await agent.call('container.remove', { projectId, container: id, force: true, volumes: true })
      }
      for (const { id } of await agent.call('project.list', {})) {
        if (id !== 'system') await agent.call('project.remove', { id, force: true }).catch(reportLeftover)
      }
      agent.close()
      await ended(child)
      rmSync(dataDir, { recursive: true, force: true })
      rmSync(runDir, { recursive: true, force: true })
    },
  }
}

/** A project that cannot be removed does not spoil the test that is over, but it must be seen. */
function reportLeftover(error: unknown): void {
  console.error(`left behind: ${error instanceof Error ? error.message : String(error)}`)
}

/** Resolves with the set-up code when the console says that everything runs. */
function untilReady(child: ChildProcess, wantsCode: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let ready = false
    let code = ''
    if (!child.stdout) throw new Error('the console of the instance is not piped')
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(`instance: ${line}`)
      code = /one-time code ([A-Z0-9-]+)/.exec(line)?.[1] ?? code
      ready ||= line.includes('ready on http')
      if (ready && (code !== '' || !wantsCode)) resolve(code)
    })
    child.once('exit', (status) => reject(new Error(`npm start ended with ${status}`)))
  })
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
