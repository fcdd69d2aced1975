import { lstatSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { z } from 'zod'

/** Docker's places (plugin discovery): sockets first, then files that say where one is. */
export const pluginFolders = { sockets: '/run/docker/plugins', specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'] }
export type PluginFolders = typeof pluginFolders

const failure = z.object({ Err: z.string().default('') })
const activation = z.object({ Implements: z.array(z.string()) })
const mounted = failure.extend({ Mountpoint: z.string().default('') })
const found = failure.extend({
  Volume: z.object({ Name: z.string(), Mountpoint: z.string().default(''), Status: z.record(z.string(), z.unknown()).nullish() }).nullish(),
})

/** A plugin answers slowly when it talks to a server elsewhere; one that never does must not hold a start for ever. */
const patienceMs = 120_000
const maxAnswerBytes = 1024 * 1024

/** One volume plugin, over docker's protocol (HTTP on a unix socket). Its own words come back as errors. */
export class VolumePlugin {
  readonly name: string
  readonly #socket: string
  #activated = false

  constructor(name: string, folders: PluginFolders = pluginFolders) {
    this.name = name
    this.#socket = findSocket(name, folders)
  }

  async create(volume: string, options: Readonly<Record<string, string>>): Promise<void> {
    await this.#call('Create', { Name: volume, Opts: options }, failure)
  }

  async remove(volume: string): Promise<void> {
    await this.#call('Remove', { Name: volume }, failure)
  }

  /** Where the volume is on the host from now on, for this container. */
  async mount(volume: string, containerId: string): Promise<string> {
    const { Mountpoint } = await this.#call('Mount', { Name: volume, ID: containerId }, mounted)
    if (Mountpoint.startsWith('/')) return Mountpoint
    throw new GantryError(
      'unavailable',
      `volume driver ${this.name} mounted volume ${volume} at "${Mountpoint}", which is no absolute path`,
    )
  }

  async unmount(volume: string, containerId: string): Promise<void> {
    await this.#call('Unmount', { Name: volume, ID: containerId }, failure)
  }

  /** Where it is now, '' for nowhere. */
  async path(volume: string): Promise<string> {
    return (await this.#call('Path', { Name: volume }, mounted)).Mountpoint
  }

  /** Undefined for a volume that it does not have. */
  async get(volume: string): Promise<{ mountpoint: string; status?: Record<string, unknown> } | undefined> {
    const { Volume } = await this.#call('Get', { Name: volume }, found)
    return Volume ? { mountpoint: Volume.Mountpoint, ...(Volume.Status ? { status: Volume.Status } : {}) } : undefined
  }

  async #call<T extends { Err: string }>(method: string, body: object, schema: z.ZodType<T>): Promise<T> {
    if (!this.#activated) {
      const { Implements } = activation.parse(await this.#post('/Plugin.Activate', {}))
      if (!Implements.includes('VolumeDriver')) throw new GantryError('invalid_input', `plugin ${this.name} is no volume driver`)
      this.#activated = true
    }
    const parsed = schema.safeParse(await this.#post(`/VolumeDriver.${method}`, body))
    if (!parsed.success) throw new GantryError('unavailable', `volume driver ${this.name} answered ${method} with something else`)
    if (parsed.data.Err !== '') throw new GantryError('unavailable', `VolumeDriver.${method}: ${parsed.data.Err}`, { value: this.name })
    return parsed.data
  }

  #post(path: string, body: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) =>
        reject(
          new GantryError(
            'unavailable',
            `volume driver ${this.name} does not answer: ${error.message}`,
            { value: this.name },
            { cause: error },
          ),
        )
      const headers = { host: 'plugin', accept: 'application/vnd.docker.plugins.v1.2+json', 'content-type': 'application/json' }
      const post = request({ socketPath: this.#socket, path, method: 'POST', headers, timeout: patienceMs }, (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > maxAnswerBytes) post.destroy(new Error('its answer has no end'))
          else chunks.push(chunk)
        })
        answer.on('error', fail)
        answer.on('end', () => resolve(readAnswer(Buffer.concat(chunks).toString())))
      })
      post.on('timeout', () => post.destroy(new Error(`nothing came in ${patienceMs / 1000} s`)))
      post.on('error', fail)
      post.end(JSON.stringify(body))
    })
  }
}

function readAnswer(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Throws `not_found` in docker's words. */
function findSocket(name: string, folders: PluginFolders): string {
  for (const path of [join(folders.sockets, `${name}.sock`), join(folders.sockets, name, `${name}.sock`)]) if (isSocket(path)) return path
  for (const folder of folders.specs) {
    const address = readSpec(join(folder, `${name}.spec`))
    if (address?.startsWith('unix://')) return address.slice('unix://'.length)
    if (address !== undefined) {
      throw new GantryError('unsupported', `plugin ${name} is at ${address}: only unix sockets are used`, { field: 'driver', value: name })
    }
  }
  throw new GantryError('not_found', `plugin "${name}" not found`, { field: 'driver', value: name })
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
}

function readSpec(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
