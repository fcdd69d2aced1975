import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { WebSocket } from 'ws'

const repository = fileURLToPath(new URL('../../../..', import.meta.url))
const admin = { email: 'root@example.org', password: 'correct horse battery' }

/** What a tRPC answer came to: `data`, or the error's wire form in `error`. */
export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
  data: any
  error: { code: string; message: string; detail?: Record<string, string> } | undefined
}

/** Agent and gateway as processes on folders of their own, as `npm start` runs them, without pages. */
export class TestInstance {
  readonly dataDir = mkdtempSync('/var/lib/gantry-test-')
  readonly runDir = mkdtempSync('/run/gantry-test-')
  port = 0
  agent: ChildProcess | undefined
  gateway: ChildProcess | undefined
  cookie = ''

  /** What the gateway is told beside what every test needs. */
  #more: Record<string, string> = {}

  static async start(more: Record<string, string> = {}): Promise<TestInstance> {
    const instance = new TestInstance()
    instance.#more = more
    instance.port = await freePort()
    await instance.startAgent()
    await instance.startGateway()
    await instance.signIn(admin)
    return instance
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async startAgent(): Promise<void> {
    this.agent = await run(await bundled('packages/agent', 'main'), this.#environment(), 'agent is ready')
  }

  async startGateway(): Promise<void> {
    const environment = { ...this.#environment(), GANTRY_ADMIN_EMAIL: admin.email, GANTRY_ADMIN_PASSWORD: admin.password }
    this.gateway = await run(await bundled('apps/gateway', 'main'), environment, 'listening')
  }

  #environment(): Record<string, string> {
    return {
      ...this.#more,
      GANTRY_LISTEN: `127.0.0.1:${this.port}`,
      GANTRY_DATA: this.dataDir,
      GANTRY_RUN: this.runDir,
      GANTRY_NATIVE: `${repository}native/build`,
      GANTRY_PANEL: 'off',
    }
  }

  async signIn(who: { email: string; password: string }): Promise<void> {
    const response = await this.#post('auth.signIn', who, '')
    this.cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    if (response.status !== 200) throw new Error(await response.text())
  }

  async mutate(procedure: string, input: unknown, cookie = this.cookie): Promise<Answer> {
    return answer(await this.#post(procedure, input, cookie))
  }

  /** As `mutate`, for what must succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
  async change(procedure: string, input: unknown, cookie = this.cookie): Promise<any> {
    const { data, error } = await this.mutate(procedure, input, cookie)
    if (error) throw new Error(`${procedure}: ${error.code}: ${error.message}`)
    return data
  }

  async query(procedure: string, input?: unknown, cookie = this.cookie): Promise<Answer> {
    const search = input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`
    return answer(await fetch(`${this.origin}/trpc/${procedure}${search}`, { headers: { cookie } }))
  }

  #post(procedure: string, input: unknown, cookie: string): Promise<Response> {
    const headers = { 'content-type': 'application/json', origin: this.origin, cookie }
    return fetch(`${this.origin}/trpc/${procedure}`, { method: 'POST', headers, body: JSON.stringify(input) })
  }

  socket(ticket: string): WebSocket {
    return new WebSocket(`${this.origin.replace('http', 'ws')}/ws/terminal?ticket=${ticket}`, { origin: this.origin })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!isRunning(this.agent)) await this.startAgent()
    if (!isRunning(this.gateway)) await this.startGateway()
    await this.signIn(admin)
    for (const { id } of (await this.query('project.list')).data) await this.mutate('project.remove', { projectId: id, force: true })
    await end(this.gateway, 'SIGTERM')
    await end(this.agent, 'SIGTERM')
    rmSync(this.dataDir, { recursive: true, force: true })
    rmSync(this.runDir, { recursive: true, force: true })
    for (const made of bundles.values()) removeBundle(await made)
    bundles.clear()
  }
}

async function answer(response: Response): Promise<Answer> {
  const body = (await response.json()) as { result?: { data: unknown }; error?: { data: { gantry: Answer['error'] } } }
  return { status: response.status, data: body.result?.data, error: body.error?.data.gantry }
}

const isRunning = (child: ChildProcess | undefined) => child !== undefined && child.exitCode === null && child.signalCode === null

/** Ends a process that we started and waits for it. */
export async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || !isRunning(child)) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

async function run(file: string, environment: Record<string, string>, ready: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const onOutput = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes(ready)) resolve()
    }
    child.stdout?.on('data', onOutput)
    child.stderr?.on('data', onOutput)
    child.once('exit', (code, signal) => reject(new Error(`${file} ended (${code ?? signal}): ${output}`)))
  })
  return child
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

const bundles = new Map<string, Promise<string>>()

/** One process as one file, built once per instance beside the real one. */
function bundled(folder: string, entry: string): Promise<string> {
  const key = `${folder}/${entry}`
  const made = bundles.get(key) ?? bundle(folder, entry)
  bundles.set(key, made)
  return made
}

async function bundle(folder: string, entry: string): Promise<string> {
  const outfile = `${repository}${folder}/dist/test-gateway-${process.pid}-${entry}.js`
  await build({
    entryPoints: [`${repository}${folder}/src/${entry}.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    external: ['koffi', 'node-pty', 'better-sqlite3', '@prisma/*', '@node-rs/argon2', 'next', 'ws'],
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
    keepNames: true,
  })
  return outfile
}

function removeBundle(file: string): void {
  rmSync(file, { force: true })
  rmSync(`${file}.map`, { force: true })
}
