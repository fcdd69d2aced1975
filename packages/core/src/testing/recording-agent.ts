import { randomBytes } from 'node:crypto'
import {
  type AgentClient,
  type ByteChannel,
  type CallMethod,
  type ContainerSpec,
  type DuplexMethod,
  GantryError,
  type InputOf,
  type OutputOf,
  type Resources,
  type StreamMethod,
  agentMethods,
  containerSpecSchema,
} from '@gantry/contracts'

interface Made {
  id: string
  projectId: string
  spec: ContainerSpec
  volumes: string[]
}
type Handler = (input: never) => unknown

type DuplexAnswer<M extends DuplexMethod> = (
  input: InputOf<M>,
  signal: AbortSignal,
) => { channel: ByteChannel; result: Promise<OutputOf<M>> }

/** An agent that keeps what it was asked to make, and every question, in memory. Nothing runs. */
export class RecordingAgent implements AgentClient {
  readonly calls: { method: string; input: unknown }[] = []
  readonly projects = new Map<string, Resources>()
  readonly containers = new Map<string, Made>()
  readonly volumes = new Map<string, { projectId: string; name: string; anonymous: boolean }>()
  readonly images = new Map<string, { projectId: string; id: string; reference: string }>()
  /** Called before each answer; throwing fails the call, as the agent would. */
  before: (method: string, input: unknown) => void | Promise<void> = () => undefined
  /** Answers for methods that this class does not know. */
  answers: Partial<{ [M in CallMethod]: (input: InputOf<M>) => OutputOf<M> }> = {}
  streams: Partial<{ [M in StreamMethod]: (input: InputOf<M>, signal: AbortSignal) => AsyncIterable<OutputOf<M>> }> = {}
  duplexes: Partial<{ [M in DuplexMethod]: DuplexAnswer<M> }> = {}
  #down = false

  /** While down, every call fails as it does without an agent behind the socket. */
  set down(down: boolean) {
    this.#down = down
  }

  asked(method: CallMethod): unknown[] {
    return this.calls.filter((call) => call.method === method).map(({ input }) => input)
  }

  async call<M extends CallMethod>(method: M, given: InputOf<M>): Promise<OutputOf<M>> {
    if (this.#down) throw new GantryError('unavailable', 'no agent is running')
    const input = agentMethods[method].input.parse(given)
    this.calls.push({ method, input })
    await this.before(method, input)
    const answer = (this.answers[method] ?? this.#handlers[method]) as Handler | undefined
    if (!answer) throw new GantryError('unsupported', `${method} has no answer here`)
    return answer(input as never) as OutputOf<M>
  }

  stream<M extends StreamMethod>(
    method: M,
    input: InputOf<M>,
    { signal = new AbortController().signal }: { signal?: AbortSignal } = {},
  ): AsyncIterable<OutputOf<M>> {
    if (this.#down) throw new GantryError('unavailable', 'no agent is running')
    const answer = this.streams[method] as ((input: InputOf<M>, signal: AbortSignal) => AsyncIterable<OutputOf<M>>) | undefined
    if (!answer) throw new GantryError('unsupported', `${method} has no answer here`)
    return answer(input, signal)
  }

  duplex<M extends DuplexMethod>(
    method: M,
    input: InputOf<M>,
    { signal = new AbortController().signal }: { signal?: AbortSignal } = {},
  ): ReturnType<DuplexAnswer<M>> {
    const answer = this.duplexes[method] as DuplexAnswer<M> | undefined
    if (!answer) throw new GantryError('unsupported', `${method} has no answer here`)
    return answer(input, signal)
  }

  close(): void {
    this.#down = true
  }

  /** A container as if it was made from the command line. */
  makeContainer(projectId: string, spec: ContainerSpec = containerSpecSchema.parse({ image: 'busybox' })): Made {
    const id = randomBytes(32).toString('hex')
    const volumes = spec.mounts.flatMap((mount) => (mount.type === 'volume' ? [mount.source ?? randomBytes(32).toString('hex')] : []))
    for (const name of volumes) this.volumes.set(`${projectId}/${name}`, { projectId, name, anonymous: name.length === 64 })
    const made = { id, projectId, spec, volumes }
    this.containers.set(id, made)
    return made
  }

  #find(projectId: string, ref: string): Made {
    const found = [...this.containers.values()].find(
      (made) => made.projectId === projectId && (made.id.startsWith(ref) || made.spec.name === ref),
    )
    if (!found) throw new GantryError('not_found', `container ${ref} not found`)
    return found
  }

  #summary({ id, projectId, spec }: Made) {
    const state = { status: 'created', pid: 0, exitCode: 0, error: '', oomKilled: false, startedAt: '', finishedAt: '', restartCount: 0 }
    return {
      id,
      projectId,
      name: spec.name ?? id.slice(0, 12),
      image: spec.image,
      imageId: '',
      command: [],
      labels: {},
      createdAt: '',
      state,
      ports: [],
      networks: [],
      mounts: [],
      resources: spec.resources,
      restart: spec.restart,
    }
  }

  readonly #handlers: Partial<Record<CallMethod, Handler>> = {
    'project.apply': ({ id, resources }: { id: string; resources: Resources }) => {
      this.projects.set(id, resources)
      return { id, idBase: 100_000 }
    },
    'project.remove': ({ id }: { id: string }) => {
      this.projects.delete(id)
      return {}
    },
    'project.list': () => [...this.projects].map(([id, resources]) => ({ id, resources, idBase: 100_000 })),
    'project.usage': ({ ids = [] }: { ids?: string[] }) =>
      ids.map((id) => ({ id, containers: 0, running: 0, volumes: 0, images: 0, diskBytes: 0 })),
    'project.stats': () => [],
    'container.create': ({ projectId, spec }: { projectId: string; spec: ContainerSpec }) => {
      const { id } = this.makeContainer(projectId, spec)
      return { id, name: spec.name ?? id.slice(0, 12), warnings: [] }
    },
    'container.start': ({ projectId, container }: { projectId: string; container: string }) => ({
      id: this.#find(projectId, container).id,
      totalUs: 1,
      steps: [],
    }),
    'container.stop': ({ projectId, container }: { projectId: string; container: string }) => this.#find(projectId, container) && {},
    'container.inspect': ({ projectId, container }: { projectId: string; container: string }) => {
      const made = this.#find(projectId, container)
      const resolvedMounts = made.volumes.map((name) => ({ type: 'volume', name, source: '', target: '/data', readOnly: false }))
      return {
        ...this.#summary(made),
        spec: made.spec,
        resolvedMounts,
        args: [],
        endpoints: [],
        idBase: 0,
        logPath: '',
        cgroupPath: '',
        storageDriver: '',
        warnings: [],
      }
    },
    'container.update': () => ({ warnings: [] }),
    'container.remove': ({ projectId, container }: { projectId: string; container: string }) => {
      this.containers.delete(this.#find(projectId, container).id)
      return {}
    },
    'container.list': ({ projectId }: { projectId?: string }) =>
      [...this.containers.values()]
        .filter((made) => projectId === undefined || made.projectId === projectId)
        .map((made) => this.#summary(made)),
    'container.stats': () => [],
    'volume.create': ({ projectId, spec }: { projectId: string; spec: { name: string } }) => {
      this.volumes.set(`${projectId}/${spec.name}`, { projectId, name: spec.name, anonymous: false })
      return {
        name: spec.name,
        projectId,
        driver: 'local',
        mountpoint: '',
        options: {},
        labels: {},
        createdAt: '',
        anonymous: false,
        usedBy: [],
      }
    },
    'volume.remove': ({ projectId, volume }: { projectId: string; volume: string }) => {
      this.volumes.delete(`${projectId}/${volume}`)
      return {}
    },
    'volume.list': ({ projectId }: { projectId?: string }) =>
      [...this.volumes.values()].filter((volume) => projectId === undefined || volume.projectId === projectId),
    'image.list': ({ projectId }: { projectId?: string }) =>
      [...this.images.values()].filter((image) => projectId === undefined || image.projectId === projectId),
    'image.inspect': ({ image }: { image: string }) => {
      if (image === 'missing') throw new GantryError('not_found', `image ${image} not found`)
      return { id: `sha256:${'0'.repeat(64)}`, config: { volumes: image === 'with-volume' ? ['/data'] : [] } }
    },
    'exec.create': () => ({ id: randomBytes(32).toString('hex') }),
    'exec.list': () => [],
    'exec.kill': () => ({}),
  }
}
