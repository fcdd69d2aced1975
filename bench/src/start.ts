import type { ContainerSpecInput } from '@gantry/contracts'
import { type Benchmark, timeMs } from './benchmark.ts'
import { type Instance, projectId, startInstance } from './instance.ts'
import { findPeers, type Peers } from './peers.ts'
import { figures } from './statistics.ts'

const rounds = 60
const warmUp = 5
const spec: ContainerSpecInput = {
  image: 'busybox',
  command: ['true'],
  resources: { memoryBytes: 64 * 1024 * 1024, nanoCpus: 1_000_000_000, pidsLimit: 64 },
}

/** create + start + wait of `true`, with user namespace, bridge network, limits and seccomp. */
export async function startOnce({ agent, create }: Instance): Promise<string> {
  const id = await create(spec)
  await agent.call('container.start', { projectId, container: id })
  const { exitCode } = await agent.call('container.wait', { projectId, container: id })
  if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`)
  return id
}

/** Takes turns, so that whatever else the machine does falls on all alike. */
async function takeTurns(subjects: Record<string, { once(): Promise<number | null>; cpuMs(): number }>, turns: number) {
  const samples: Record<string, { wall: number[]; cpu: number }> = {}
  for (let turn = 0; turn < warmUp + turns; turn++) {
    for (const [name, { once, cpuMs }] of Object.entries(subjects)) {
      const before = cpuMs()
      const wall = await once()
      if (wall === null || turn < warmUp) continue
      samples[name] ??= { wall: [], cpu: 0 }
      samples[name].wall.push(wall)
      samples[name].cpu += cpuMs() - before
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, { wall, cpu }]) => [name, figures(wall, cpu)]))
}

function peerSubjects(peers: Peers, order: (name: string) => Promise<number | null>) {
  return Object.fromEntries(peers.names.map((name) => [name, { once: () => order(name), cpuMs: () => peers.cpuMs() }]))
}

export const start: Benchmark = {
  name: 'start',
  what: 'create, start and wait for true over the agent socket',
  async run() {
    const instance = await startInstance()
    const peers = findPeers()
    try {
      const gantry = {
        async once() {
          let id = ''
          const wall = await timeMs(async () => {
            id = await startOnce(instance)
          })
          await instance.remove(id)
          return wall
        },
        cpuMs: () => instance.cpuMs(),
      }
      const subjects = await takeTurns({ gantry, ...peerSubjects(peers, (name) => peers.start(name)) }, rounds)
      return { name: 'start', unit: 'ms', better: 'lower', subjects }
    } finally {
      await peers.close()
      await instance.close()
    }
  },
}

export const exec: Benchmark = {
  name: 'exec',
  what: 'true in a running container',
  async run() {
    const instance = await startInstance()
    const peers = findPeers()
    try {
      const id = await instance.create({ image: 'busybox', command: ['sleep', '1000'] })
      await instance.agent.call('container.start', { projectId, container: id })
      const gantry = {
        once: () =>
          timeMs(async () => {
            const { exitCode } = await instance.agent.call('exec.run', { projectId, container: id, spec: { command: ['true'] } })
            if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`)
          }),
        cpuMs: () => instance.cpuMs(),
      }
      const subjects = await takeTurns({ gantry, ...peerSubjects(peers, (name) => peers.exec(name)) }, rounds)
      return { name: 'exec', unit: 'ms', better: 'lower', subjects }
    } finally {
      await peers.close()
      await instance.close()
    }
  },
}

export const parallel: Benchmark = {
  name: 'parallel',
  what: '100 starts, one after the other and 8 at a time',
  async run() {
    const instance = await startInstance()
    try {
      const subjects: Awaited<ReturnType<Benchmark['run']>>['subjects'] = {}
      for (const width of [1, 8]) {
        const ids: string[] = []
        let left = 100
        const before = instance.cpuMs()
        const worker = async () => {
          while (left-- > 0) ids.push(await startOnce(instance))
        }
        const wall = await timeMs(() => Promise.all(Array.from({ length: width }, worker)))
        subjects[`gantry ${width} at a time`] = figures([wall / 1000], (instance.cpuMs() - before) / 1000)
        for (const id of ids) await instance.remove(id)
      }
      return { name: 'parallel', unit: 's', better: 'lower', subjects }
    } finally {
      await instance.close()
    }
  },
}
