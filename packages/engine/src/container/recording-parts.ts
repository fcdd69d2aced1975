import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ContainerSpecInput, containerSpecSchema, type EngineEvent, hostAdminPolicy, type ImageConfig } from '@gantry/contracts'
import { createEventBus } from '../event/event-bus.ts'
import { ExecStore } from '../exec/exec.ts'
import type { Kernel, ProcessExit, Started, StartPlan } from '../kernel/kernel.ts'
import { Background } from '../lib/background.ts'
import { KeyedLock } from '../lib/keyed-lock.ts'
import { rfc3339 } from '../lib/time.ts'
import type { Container } from './container.ts'
import { createContainer } from './create.ts'
import { runEnded } from './exit.ts'
import { Journal } from './journal.ts'
import type { ResolvedMount } from '../ports.ts'
import type { Parts } from './parts.ts'
import { ContainerStore } from './store.ts'

/**
 * For tests of the verbs' own logic (order, undo, policies): the real store, journal, locks and events, on ports that write down what
 * they are asked for and, where the test says so, refuse. What a kernel does with it is for the root tests.
 */
export class Recorder {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'gantry-verbs-'))
  /** What the ports hold for containers: `snapshot`, `volume`, `image`, `network`. Empty at the end of every life. */
  readonly held = new Set<string>()
  readonly signals: number[] = []
  readonly events: EngineEvent[] = []
  /** Ports that fail at the next call. */
  readonly refuse = new Map<string, Error>()
  readonly running = new Map<string, StartPlan>()
  readonly parts: Parts
  imageConfig: ImageConfig = {
    entrypoint: [],
    command: ['sh'],
    env: [],
    user: '',
    workingDir: '',
    labels: {},
    exposedPorts: [],
    volumes: [],
    stopSignal: '',
  }
  #pid = 1000
  #onExit: (exit: ProcessExit) => void = () => {}

  constructor() {
    this.parts = this.#makeParts()
    this.parts.kernel.onExit((exit) => {
      const container = this.parts.store.get(exit.key)
      if (container) runEnded(this.parts, container, exit)
    })
    const keep = async () => {
      for await (const event of this.parts.events.subscribe(new AbortController().signal)) this.events.push(event)
    }
    void keep()
  }

  create(spec: Omit<ContainerSpecInput, 'image'> = {}): Promise<Container> {
    return createContainer(this.parts, {
      projectId: 'p',
      spec: containerSpecSchema.parse({ image: 'busybox', ...spec }),
      policy: hostAdminPolicy,
    })
  }

  /** The container's process ends. */
  exit(container: Container, exitCode: number, exit: Partial<ProcessExit> = {}): void {
    this.running.delete(container.id)
    this.#onExit({ key: container.id, exitCode, signal: 0, oomKilled: false, finishedAt: rfc3339(), ...exit })
  }

  actions(): string[] {
    return this.events.map((event) => event.action)
  }

  remove(): void {
    this.parts.journal.close()
    rmSync(this.dataDir, { recursive: true })
  }

  #take(what: string, id: string): void {
    const refusal = this.refuse.get(what)
    if (refusal) {
      this.refuse.delete(what)
      throw refusal
    }
    this.held.add(`${what} ${id}`)
  }

  #makeParts(): Parts {
    const runDir = join(this.dataDir, 'run')
    mkdirSync(runDir)
    const config = { dataDir: this.dataDir, runDir, instanceId: 'test', nativeDir: '/native', version: '0', log: () => {} }
    const store = new ContainerStore(this.dataDir, config.log)
    return {
      config,
      store,
      kernel: this.#kernel(),
      ...(this.#ports() as unknown as Pick<Parts, 'cgroups' | 'network' | 'images' | 'snapshots' | 'volumes'>),
      events: createEventBus(),
      execs: new ExecStore(),
      journal: Journal.open(join(this.dataDir, 'journal')).journal,
      locks: new KeyedLock(),
      background: new Background((_what, error) => {
        throw error
      }),
      idBase: () => 1 << 20,
      seccompFile: async () => '/seccomp.bpf',
      apparmorProfile: async () => '',
      confines: () => false,
      openTerminal: async () => {
        throw new Error('nothing to look at')
      },
      canShiftIds: true,
      hostCapabilities: ['CHOWN'],
      covers: () => [],
      signal: (_process, signal) => this.signals.push(signal) > 0,
    }
  }

  #kernel(): Kernel {
    return {
      start: async (plan) => {
        this.#take('process', plan.key)
        this.held.delete(`process ${plan.key}`)
        this.running.set(plan.key, plan)
        return { key: plan.key, pid: this.#pid++, startTicks: 1, monitorPid: this.#pid++, steps: [] } satisfies Started
      },
      ops: async (ops) => {
        for (const [name, path] of ops) if (name === 'rmtree') rmSync(path as string, { recursive: true, force: true })
        return ops.map(() => '')
      },
      onExit: (listener) => {
        this.#onExit = listener
      },
      adopt: async () => null,
      attach: async () => {
        throw new Error('nothing to attach to')
      },
      callOff: async () => {},
      close: async () => {},
    }
  }

  #ports() {
    const { held } = this
    const give = (what: string) => async (id: string) => void held.delete(`${what} ${id}`)
    return {
      cgroups: {
        check: () => [],
        createOps: () => ({ ops: [], warnings: [] }),
        enterOps: () => [],
        removeOps: () => [],
        openParent: () => undefined,
        delegateOps: () => [],
        closeParent: () => undefined,
        update: async () => [],
        freeze: async () => {},
        thaw: async () => {},
        killAll: async (group: { containerId: string }) => {
          const container = this.parts.store.get(group.containerId)
          if (container?.started) this.exit(container, 137, { signal: 9 })
        },
      },
      network: {
        acquire: async ({ containerId }: { containerId: string }) => {
          this.#take('network', containerId)
          return { namespaceOps: [], endpoints: [], ports: [], hosts: '', resolvConf: null, warnings: [] }
        },
        release: give('network'),
        started: () => {},
        rename: () => {},
        endpoints: () => [],
        ports: () => [],
      },
      images: {
        resolve: async (_project: string, reference: string) => ({
          id: 'sha256:1',
          reference,
          config: this.imageConfig,
          layers: ['sha256:2'],
        }),
        addUser: async (_image: string, id: string) => this.#take('image', id),
        removeUser: give('image'),
      },
      snapshots: {
        driver: 'recording',
        prepare: async (id: string) => {
          this.#take('snapshot', id)
          return { kind: 'overlay', lowerDirs: [], upperDir: '/u', workDir: '/w' }
        },
        remove: give('snapshot'),
        canLimit: async () => false,
        usage: async () => 10,
      },
      volumes: {
        resolve: async ({ containerId }: { containerId: string }) => {
          this.#take('volume', containerId)
          return []
        },
        release: give('volume'),
        attach: async ({ mounts }: { mounts: readonly ResolvedMount[] }) => [...mounts],
        detach: async () => undefined,
        recover: async () => undefined,
      },
    }
  }
}
