import { createReadStream } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import type { CreateOptions, Engine } from './engine.ts'

/** The calls of an engine that speaks docker's API on a unix socket. `cgroupParent` is where its containers are counted. */
export type DockerCalls = Omit<Engine, 'name' | 'cpuMs' | 'processes' | 'close'>

export function dockerCalls(socketPath: string, cgroupParent: string | undefined): DockerCalls {
  const http = new Http(socketPath)
  return {
    async create(command, options) {
      const { Id } = JSON.parse(await http.text('POST', '/containers/create', createBody(command, cgroupParent, options))) as { Id: string }
      return Id
    },
    start: (id) => http.done('POST', `/containers/${id}/start`),
    async wait(id) {
      const { StatusCode } = JSON.parse(await http.text('POST', `/containers/${id}/wait`)) as { StatusCode: number }
      if (StatusCode !== 0) throw new Error(`the container ended with ${StatusCode}`)
    },
    remove: (id) => http.done('DELETE', `/containers/${id}?force=1&v=1`),
    async exec(id, command) {
      const body = { Cmd: command, AttachStdout: true, AttachStderr: true }
      const { Id } = JSON.parse(await http.text('POST', `/containers/${id}/exec`, body)) as { Id: string }
      await http.done('POST', `/exec/${Id}/start`, { Detach: false })
      const { ExitCode } = JSON.parse(await http.text('GET', `/exec/${Id}/json`)) as { ExitCode: number }
      if (ExitCode !== 0) throw new Error(`exec ended with ${ExitCode}`)
    },
    async readLog(id) {
      return textBytes(await http.open('GET', `/containers/${id}/logs?stdout=1&stderr=1`))
    },
    async stats(ids) {
      await Promise.all(ids.map((id) => http.done('GET', `/containers/${id}/stats?stream=0&one-shot=1`)))
    },
    load: (archive) => http.upload('/images/load?quiet=1', archive),
  }
}

/** Makes `busybox` of a tar of its files. */
export function importBusybox(socketPath: string, tar: string): Promise<void> {
  return new Http(socketPath).upload('/images/create?fromSrc=-&repo=busybox&tag=latest', tar)
}

export function answers(socketPath: string): Promise<boolean> {
  return new Http(socketPath).done('GET', '/_ping').then(
    () => true,
    () => false,
  )
}

function createBody(command: readonly string[], cgroupParent: string | undefined, { resources = {}, logBytes }: CreateOptions = {}) {
  return {
    Image: 'busybox',
    Cmd: command,
    HostConfig: {
      Memory: resources.memoryBytes,
      NanoCpus: resources.nanoCpus,
      PidsLimit: resources.pidsLimit,
      CgroupParent: cgroupParent,
      LogConfig: logBytes === undefined ? undefined : { Type: 'json-file', Config: { 'max-size': String(logBytes) } },
    },
  }
}

/** Bytes inside stdcopy frames: one byte of stream, three of nothing, four of length. */
async function textBytes(frames: AsyncIterable<Buffer>): Promise<number> {
  const headerBytes = 8
  let text = 0
  let header = Buffer.alloc(0)
  let left = 0
  for await (let chunk of frames) {
    while (chunk.length > 0) {
      if (left === 0) {
        const taken = chunk.subarray(0, headerBytes - header.length)
        header = Buffer.concat([header, taken])
        chunk = chunk.subarray(taken.length)
        if (header.length < headerBytes) break
        left = header.readUInt32BE(4)
        header = Buffer.alloc(0)
      }
      const taken = Math.min(left, chunk.length)
      text += taken
      left -= taken
      chunk = chunk.subarray(taken)
    }
  }
  return text
}

class Http {
  readonly #options: { socketPath: string; agent: Agent }

  constructor(socketPath: string) {
    this.#options = { socketPath, agent: new Agent({ keepAlive: true, maxSockets: 128 }) }
  }

  async open(method: string, path: string, body?: object | Readable): Promise<IncomingMessage> {
    const streamed = body !== undefined && 'pipe' in body
    const json = body === undefined || streamed ? '' : JSON.stringify(body)
    const headers: Record<string, string | number> = streamed ? { 'content-type': 'application/x-tar' } : { 'content-length': json.length }
    if (json) headers['content-type'] = 'application/json'
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({ ...this.#options, method, path: `/v1.40${path}`, headers }, resolve)
      call.once('error', reject)
      if (streamed) void pipeline(body as Readable, call).catch(reject)
      else call.end(json)
    })
    if ((response.statusCode ?? 500) < 400) return response
    throw new Error(`${method} ${path}: ${response.statusCode} ${(await read(response)).toString()}`)
  }

  async text(method: string, path: string, body?: object): Promise<string> {
    return (await read(await this.open(method, path, body))).toString()
  }

  async done(method: string, path: string, body?: object | Readable): Promise<void> {
    await read(await this.open(method, path, body))
  }

  async upload(path: string, file: string): Promise<void> {
    const answer = (await read(await this.open('POST', path, createReadStream(file, { highWaterMark: 1 << 20 })))).toString()
    if (answer.includes('"error"')) throw new Error(`${path}: ${answer}`)
  }
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
