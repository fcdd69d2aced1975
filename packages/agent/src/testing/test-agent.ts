import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAgentClient } from '@gantry/agent-rpc/client'
import { type AgentClient, type ContainerSpecInput, DEFAULT_PROJECT, hostAdminPolicy } from '@gantry/contracts'
import { build } from 'esbuild'

const source = fileURLToPath(new URL('../main.ts', import.meta.url))
const repository = fileURLToPath(new URL('../../../../', import.meta.url))

/**
 * A real agent process on folders of its own, for root tests: it can be killed, restarted and told to fail at a point, and never
 * touches another instance. `await using` it: whatever the test did, nothing of the instance stays.
 */
export class TestAgent {
  readonly dataDir = mkdtempSync('/var/lib/gantry-test-')
  readonly runDir = mkdtempSync('/run/gantry-test-')
  readonly client: AgentClient = createAgentClient(`${this.runDir}/agent.sock`)
  readonly projectId = DEFAULT_PROJECT
  #process: ChildProcess | undefined
  #output = ''

  static async start(env: Record<string, string> = {}): Promise<TestAgent> {
    const agent = new TestAgent()
    try {
      await agent.start(env)
    } catch (error) {
      agent.removeFolders()
      throw error
    }
    return agent
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }
  /** What the agent wrote so far. */
  get output(): string {
    return this.#output
  }

  /** Resolves when the agent serves its socket; rejects with its output when it ends before. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const bundle = await bundled()
    const child = spawn(process.execPath, ['--enable-source-maps', bundle], {
      env: { ...process.env, GANTRY_DATA: this.dataDir, GANTRY_RUN: this.runDir, GANTRY_NATIVE: `${repository}native/build`, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    const ready = new Promise<void>((resolve, reject) => {
      const onOutput = (chunk: Buffer) => {
        this.#output += chunk.toString()
        if (chunk.includes('agent is ready')) resolve()
      }
      child.stdout?.on('data', onOutput)
      child.stderr?.on('data', onOutput)
      child.on('exit', (code, signal) => reject(new Error(`the agent ended (${code ?? signal}): ${this.#output}`)))
    })
    ready.catch(() => {})
    await ready
  }

  /** `kill -9`, unless it has ended already. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** An orderly stop; containers go on running. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Resolves when the agent has ended by itself. */
  async ended(): Promise<void> {
    if (this.#process && this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (!child) return
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      child.kill(signal)
      await exit
    }
    this.#process = undefined
  }

  create(spec: Partial<ContainerSpecInput> = {}): Promise<{ id: string; name: string; warnings: string[] }> {
    const full = { image: 'busybox', ...spec }
    return this.client.call('container.create', { projectId: this.projectId, spec: full, policy: hostAdminPolicy })
  }

  /** Creates and starts; gives the id. */
  async run(spec: Partial<ContainerSpecInput> = {}): Promise<string> {
    const { id } = await this.create(spec)
    await this.client.call('container.start', { projectId: this.projectId, container: id })
    return id
  }

  inspect(container: string) {
    return this.client.call('container.inspect', { projectId: this.projectId, container })
  }

  wait(container: string, condition: 'not-running' | 'next-exit' | 'removed' = 'not-running') {
    return this.client.call('container.wait', { projectId: this.projectId, container, condition })
  }

  remove(container: string, options: { force?: boolean; volumes?: boolean } = {}) {
    return this.client.call('container.remove', { projectId: this.projectId, container, ...options })
  }

  exec(container: string, command: string[], spec: object = {}) {
    return this.client.call('exec.run', { projectId: this.projectId, container, spec: { command, ...spec } })
  }

  /** All lines of the container's log. */
  async logs(container: string): Promise<string[]> {
    const lines: string[] = []
    for await (const batch of this.client.stream('container.logs', { projectId: this.projectId, container })) {
      for (const line of batch.lines) lines.push(line.text)
    }
    return lines
  }

  /** Removes every project with all that is in it, ends the agent, and removes its folders. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) await this.start()
    for (const project of await this.client.call('project.list', {}))
      await this.client.call('project.remove', { id: project.id, force: true })
    this.client.close()
    await this.stop()
    this.removeFolders()
  }

  private removeFolders(): void {
    rmSync(this.dataDir, { recursive: true, force: true })
    rmSync(this.runDir, { recursive: true, force: true })
  }
}

let bundle: Promise<string> | undefined

/** The agent as one file, built once per test file. It lies in the package, whose node_modules it needs; `dist` is not versioned. */
function bundled(): Promise<string> {
  bundle ??= (async () => {
    const outfile = `${repository}packages/agent/dist/test-agent.js`
    const { outputFiles } = await build({
      entryPoints: [source],
      outfile,
      write: false,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      external: ['koffi', 'node-pty'],
      banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
      logLevel: 'warning',
    })
    mkdirSync(dirname(outfile), { recursive: true })
    const draft = `${outfile}.${process.pid}`
    writeFileSync(draft, outputFiles[0]?.contents ?? '')
    renameSync(draft, outfile)
    return outfile
  })()
  return bundle
}
