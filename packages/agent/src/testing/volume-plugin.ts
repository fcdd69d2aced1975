import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'

/** A volume plugin of docker's protocol whose volumes are folders; it notes what it was asked. */
export class TestVolumePlugin implements AsyncDisposable {
  readonly name = `gantry-test-${process.pid}`
  readonly calls: string[] = []
  readonly #folder: string
  readonly #socket = `/run/docker/plugins/${this.name}.sock`
  readonly #volumes = new Map<string, Record<string, string>>()
  readonly #server: Server

  constructor(folder: string) {
    this.#folder = folder
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.setHeader('content-type', 'application/vnd.docker.plugins.v1.2+json')
        response.end(JSON.stringify(this.#answer(request.url ?? '', JSON.parse(Buffer.concat(chunks).toString() || '{}'))))
      })
    })
  }

  listen(): Promise<void> {
    mkdirSync('/run/docker/plugins', { recursive: true })
    return new Promise((resolve) => this.#server.listen(this.#socket, resolve))
  }

  #answer(path: string, { Name = '', ID = '', Opts = {} }: { Name?: string; ID?: string; Opts?: Record<string, string> }): object {
    const method = path.replace('/VolumeDriver.', '')
    this.calls.push([method, Name, ID.slice(0, 6)].filter(Boolean).join(' '))
    const mountpoint = join(this.#folder, Name)
    switch (method) {
      case '/Plugin.Activate':
        return { Implements: ['VolumeDriver'] }
      case 'Create':
        if (Opts.fail) return { Err: Opts.fail }
        mkdirSync(mountpoint, { recursive: true })
        this.#volumes.set(Name, Opts)
        return { Err: '' }
      case 'Remove':
        this.#volumes.delete(Name)
        return { Err: '' }
      case 'Mount':
      case 'Path':
        return { Mountpoint: mountpoint, Err: '' }
      case 'Get':
        return this.#volumes.has(Name) ? { Volume: { Name, Mountpoint: mountpoint, Status: { folders: 1 } } } : { Err: 'no such volume' }
      default:
        return { Err: '' }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.#socket, { force: true })
  }
}
