import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Transform } from 'node:stream'

/** So much of a layer goes through a held registry. */
const beforeHold = 1_000_000

/** Debian's docker-registry with storage of its own, behind a proxy that can stop layers half-way, either direction. */
export class Registry {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #server: Server
  readonly #behind: string
  #release = () => undefined as undefined
  #open = Promise.resolve()

  private constructor(child: ChildProcess, folder: string, behind: string) {
    this.#child = child
    this.#folder = folder
    this.#behind = behind
    this.#server = createServer((incoming, answer) => this.#forward(incoming, answer))
  }

  static async start(): Promise<Registry> {
    const folder = mkdtempSync('/var/tmp/gantry-test-registry-')
    const storage = `storage: {filesystem: {rootdirectory: ${folder}/data}}`
    writeFileSync(join(folder, 'config.yml'), `version: 0.1\n${storage}\nhttp: {addr: "127.0.0.1:0"}\nlog: {level: info}\n`)
    const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
    for await (const line of createInterface({ input: child.stderr })) {
      const behind = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1]
      if (!behind) continue
      child.stderr.resume()
      const registry = new Registry(child, folder, behind)
      registry.#server.listen(0, '127.0.0.1')
      await once(registry.#server, 'listening')
      return registry
    }
    throw new Error('docker-registry ended before it listened')
  }

  get address(): string {
    const address = this.#server.address()
    return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  /** Layers stop after their first megabyte, until `release`. */
  hold(): void {
    this.#open = new Promise((resolve) => {
      this.#release = () => void resolve()
    })
  }

  release(): void {
    this.#release()
  }

  async tags(name: string): Promise<string[]> {
    const response = await fetch(`http://${this.#behind}/v2/${name}/tags/list`)
    return response.ok ? ((await response.json()) as { tags: string[] }).tags : []
  }

  async close(): Promise<void> {
    this.release()
    this.#server.closeAllConnections()
    this.#server.close()
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exit
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #forward(incoming: IncomingMessage, answer: ServerResponse): void {
    // The registry makes upload addresses from the Host header, so they lead through here again.
    const { method, headers, url } = incoming
    const onward = request(`http://${this.#behind}${url}`, { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers)
      response.pipe(this.#gate()).pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    incoming.pipe(this.#gate()).pipe(onward)
  }

  #gate(): Transform {
    let passed = 0
    const open = this.#open
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        passed += chunk.length
        if (passed <= beforeHold) return done(null, chunk)
        void open.then(() => done(null, chunk))
      },
    })
  }
}
