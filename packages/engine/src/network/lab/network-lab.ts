import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  type ContainerSpecInput,
  containerSpecSchema,
  type EndpointSpec,
  type EngineEvent,
  type NetworkInspect,
  networkSpecSchema,
} from '@gantry/contracts'
import type { EngineConfig, Sandbox } from '../../ports.ts'
import { createNetworkController, type NetworkEngine } from '../controller.ts'
import { type LabKernel, openKernel } from './lab-kernel.ts'

const probe = fileURLToPath(new URL('probe.mjs', import.meta.url))

/** A process in a sandbox, which stands for a container. */
export interface LabContainer {
  readonly id: string
  readonly name: string
  readonly pid: number
  readonly sandbox: Sandbox
  /** IPv4 address of the first endpoint. */
  readonly address: string
}

/** An instance of the network part on a real kernel, with containers that are plain processes of the host in real sandboxes. */
export class NetworkLab {
  readonly instanceId = randomBytes(2).toString('hex')
  readonly dataDir = mkdtempSync('/var/tmp/gantry-test-')
  readonly idBase = 1_000_000_000
  readonly log: string[] = []
  readonly events: Omit<EngineEvent, 'seq' | 'boot' | 'timeNano'>[] = []
  readonly #children = new Set<ChildProcess>()
  readonly #running = new Map<string, number>()
  #outside = 0
  readonly probeCommand = [process.execPath, probe]
  kernel!: LabKernel
  network!: NetworkEngine

  static async open(): Promise<NetworkLab> {
    const lab = new NetworkLab()
    await lab.boot()
    return lab
  }

  get config(): EngineConfig {
    const { dataDir, instanceId } = this
    const log: EngineConfig['log'] = (level, message, fields) => this.log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
    return {
      dataDir,
      runDir: dataDir,
      instanceId,
      nativeDir: fileURLToPath(new URL('../../../../../native/build', import.meta.url)),
      version: 'test',
      log,
    }
  }

  /** As the agent does at its start. */
  async boot(): Promise<void> {
    this.kernel = await openKernel(this.config)
    const events = { emit: (event: Omit<EngineEvent, 'seq' | 'boot' | 'timeNano'>) => void this.events.push(event) }
    this.network = createNetworkController({ config: this.config, kernel: this.kernel, events })
    await this.network.recover([...this.#running].map(([containerId, pid]) => ({ containerId, pid })))
  }

  /** As `kill -9` of the agent: its launcher goes with it, its sockets are closed, nothing is tidied. */
  async crash(): Promise<void> {
    await this.network.settled()
    await this.kernel.close()
    const { state } = this.network as unknown as { state: Record<'resolver' | 'ports', { abandon(): Promise<void> }> }
    await Promise.all([state.resolver.abandon(), state.ports.abandon()])
  }

  async start(name: string, spec: Partial<ContainerSpecInput> = {}, projectId = 'lab'): Promise<LabContainer> {
    const id = randomBytes(32).toString('hex')
    const joined = spec.networkMode?.startsWith('container:') ? this.#running.get(spec.networkMode.slice('container:'.length)) : undefined
    const sandbox = await this.network.acquire({
      containerId: id,
      containerName: name,
      projectId,
      idBase: this.idBase,
      spec: containerSpecSchema.parse({ image: 'none', ...spec }),
      ...(joined ? { joinPid: joined } : {}),
    })
    const pid = await this.kernel.hold(id, sandbox)
    this.network.started(id, pid)
    this.#running.set(id, pid)
    return { id, name, pid, sandbox, address: sandbox.endpoints[0]?.ipv4Address ?? '' }
  }

  async stop(container: LabContainer): Promise<void> {
    this.#running.delete(container.id)
    await this.kernel.end(container.pid)
    await this.network.release(container.id)
  }

  /** The process ends while no agent is there to see it. */
  async forget(container: LabContainer): Promise<void> {
    this.#running.delete(container.id)
    await this.kernel.end(container.pid)
  }

  /** Runs a program of the host in the container's network namespace (the host's with null) and resolves with what it prints. */
  async run(where: LabContainer | number | null, command: readonly string[]): Promise<{ code: number; output: string }> {
    const pid = typeof where === 'number' ? where : where?.pid
    const [file = '', ...args] = pid ? ['nsenter', '-t', String(pid), '-n', ...command] : command
    return new Promise((resolve) => {
      execFile(file, args, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, output: (stdout + stderr).trim() })
      })
    })
  }

  /** A network of project `lab`. */
  create(spec: object): Promise<NetworkInspect> {
    return this.network.create('lab', networkSpecSchema.parse(spec))
  }

  connect(container: LabContainer, endpoint: EndpointSpec): ReturnType<NetworkEngine['connect']> {
    return this.network.connect({
      projectId: 'lab',
      containerId: container.id,
      containerName: container.name,
      pid: container.pid,
      endpoint,
    })
  }

  disconnect(container: LabContainer, network: string): ReturnType<NetworkEngine['disconnect']> {
    return this.network.disconnect({ projectId: 'lab', containerId: container.id, network, running: true })
  }

  /** Its default route over IPv4, in the words of ip(8). */
  async defaultRoute(container: LabContainer): Promise<string> {
    return (await this.run(container, ['ip', '-4', 'route', 'show', 'default'])).output
  }

  /** Starts a server inside that answers with the client's address. */
  async serve(where: LabContainer | number, protocol: 'tcp' | 'udp', port: number): Promise<void> {
    await this.probe(where, ['serve', protocol, String(port)])
  }

  /** Starts a verb of the probe inside and resolves with its first line; `answer` is the next. */
  async probe(where: LabContainer | number, args: readonly string[]): Promise<{ answer: Promise<string> }> {
    const pid = typeof where === 'number' ? where : where.pid
    const child = spawn('nsenter', ['-t', String(pid), '-n', process.execPath, probe, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#children.add(child)
    const lines = createInterface(child.stdout)
    await once(lines, 'line')
    return { answer: once(lines, 'line').then(([line]) => String(line)) }
  }

  /** What a client there gets: the server's answer, an error code, or `timeout` after `waitMs`. */
  async ask(where: LabContainer | number | null, protocol: 'tcp' | 'udp', host: string, port: number, waitMs = 5000): Promise<string> {
    return (await this.run(where, [process.execPath, probe, 'ask', protocol, host, String(port), String(waitMs)])).output
  }

  async resolve(container: LabContainer, name: string, type = 'A'): Promise<string> {
    const server = /^nameserver (\S+)$/m.exec(container.sandbox.resolvConf ?? '')?.[1] ?? ''
    return (await this.run(container, [process.execPath, probe, 'resolve', server.includes(':') ? `[${server}]` : server, name, type]))
      .output
  }

  async pings(from: LabContainer | number | null, to: string): Promise<boolean> {
    return (await this.run(from, ['ping', '-c', '1', '-W', '1', to])).code === 0
  }

  /**
   * A machine outside: a namespace behind a link of its own to the host. Its addresses are from the ranges for benchmarks
   * (RFC 2544) and documentation (RFC 3849).
   */
  async outside(): Promise<{ pid: number; address: string; hostAddress: string; address6: string; hostAddress6: string }> {
    const key = `outside-${this.instanceId}`
    const link = `go${this.instanceId}`
    const octet = Number.parseInt(this.instanceId.slice(0, 2), 16)
    const [hostAddress, address] = [`198.18.${octet}.1`, `198.18.${octet}.2`]
    const [hostAddress6, address6] = ['2001:db8:77::1', '2001:db8:77::2']
    const where = `sandbox:${key}`
    await this.kernel.ops([
      ['sandbox.new', key, String(this.idBase)],
      ['net.veth', where, 'eth0', link, '-', '1500', '02:00:00:00:00:02', ''],
      ['net.address', 'host', link, `${hostAddress}/24`],
      ['net.address', 'host', link, `${hostAddress6}/64`],
      ['net.set', 'host', link, 'up', '1'],
      ['net.address', where, 'eth0', `${address}/24`],
      ['net.address', where, 'eth0', `${address6}/64`],
      ['net.set', where, 'eth0', 'up', '1'],
      ['net.set', where, 'lo', 'up', '1'],
      ['net.route', where, '0.0.0.0/0', hostAddress, 'eth0'],
      ['net.route', where, '::/0', hostAddress6, 'eth0'],
    ])
    const pid = await this.kernel.hold(key, { namespaceOps: [['sandbox', key]] })
    this.#outside = pid
    return { pid, address, hostAddress, address6, hostAddress6 }
  }

  /** Names of this instance's links, and elements of its firewall (but the rate meters, which run out by themselves). */
  async traces(): Promise<{ links: string[]; elements: string[] }> {
    const links = (await this.run(null, ['ip', '-o', 'link'])).output
      .split('\n')
      .flatMap((line) => new RegExp(`\\bg[bv]${this.instanceId}[0-9a-f]+`).exec(line)?.[0] ?? [])
    const elements: string[] = []
    for (const family of ['inet', 'bridge']) {
      const { code, output } = await this.run(null, ['nft', '-j', 'list', 'table', family, `gantry_${this.instanceId}`])
      if (code !== 0) continue
      const objects = (JSON.parse(output) as { nftables: Record<string, { name?: string; elem?: unknown[] }>[] }).nftables
      const sets = objects.flatMap((object) => object.set ?? object.map ?? []).filter(({ name }) => name !== 'chatter')
      elements.push(...sets.flatMap(({ name, elem }) => (elem ?? []).map((each) => `${name} ${JSON.stringify(each)}`)))
    }
    return { links: links.sort(), elements: elements.sort() }
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    for (const pid of [...this.#running.values(), ...(this.#outside ? [this.#outside] : [])]) await this.kernel.end(pid)
    for (const id of this.#running.keys()) await this.network.release(id)
    for (const { projectId } of await this.network.list({})) await this.network.removeProject(projectId)
    await this.network.close()
    await this.kernel.close()
    await this.run(null, ['ip', 'link', 'delete', `go${this.instanceId}`])
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}
