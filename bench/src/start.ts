import { type Benchmark, timeMs, withEngines } from './benchmark.ts'
import type { Engine } from './engine.ts'
import { findPeers, type Peers } from './peers.ts'
import { type Figures, figures } from './statistics.ts'

const rounds = 60
const warmUp = 5
const resources = { memoryBytes: 64 * 1024 * 1024, nanoCpus: 1_000_000_000, pidsLimit: 64 }

/** create + start + wait of `true`; resolves with the container, which is still there. */
async function startOnce(engine: Engine): Promise<string> {
  const id = await engine.create(['true'], { resources })
  await engine.start(id)
  await engine.wait(id)
  return id
}

interface Subject {
  once(): Promise<number | null>
  cpuMs(): number
}

/** Takes turns, so that whatever else the machine does falls on all alike. */
async function takeTurns(subjects: Record<string, Subject>, turns: number): Promise<Record<string, Figures>> {
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

async function besidePeers(
  engines: readonly Engine[],
  of: (engine: Engine) => Subject,
  order: (peers: Peers, name: string) => Promise<number | null>,
) {
  const peers = findPeers()
  try {
    const runtimes = peers.names.map((name): [string, Subject] => [name, { once: () => order(peers, name), cpuMs: () => peers.cpuMs() }])
    return await takeTurns(
      Object.fromEntries([...engines.map((engine): [string, Subject] => [engine.name, of(engine)]), ...runtimes]),
      rounds,
    )
  } finally {
    await peers.close()
  }
}

export const start: Benchmark = {
  name: 'start',
  what: "create, start and wait for true over the engines' sockets, and by the runtimes' command lines",
  async run() {
    const subject = (engine: Engine): Subject => ({
      async once() {
        let id = ''
        const wall = await timeMs(async () => {
          id = await startOnce(engine)
        })
        await engine.remove(id)
        return wall
      },
      cpuMs: () => engine.cpuMs(),
    })
    const subjects = await withEngines((engines) => besidePeers(engines, subject, (peers, name) => peers.start(name)))
    return { name: 'start', unit: 'ms', better: 'lower', subjects }
  },
}

export const exec: Benchmark = {
  name: 'exec',
  what: 'true in a running container',
  async run() {
    const subjects = await withEngines(async (engines) => {
      const containers = new Map<Engine, string>()
      for (const engine of engines) {
        const id = await engine.create(['sleep', '1000'])
        await engine.start(id)
        containers.set(engine, id)
      }
      const subject = (engine: Engine): Subject => ({
        once: () => timeMs(() => engine.exec(containers.get(engine) ?? '', ['true'])),
        cpuMs: () => engine.cpuMs(),
      })
      return besidePeers(engines, subject, (peers, name) => peers.exec(name))
    })
    return { name: 'exec', unit: 'ms', better: 'lower', subjects }
  },
}

export const parallel: Benchmark = {
  name: 'parallel',
  what: '100 starts, one after the other and 8 at a time',
  async run() {
    const subjects = await withEngines(async (engines) => {
      const found: Record<string, Figures> = {}
      for (const engine of engines)
        for (const width of [1, 8]) found[`${engine.name} ${width} at a time`] = await hundredStarts(engine, width)
      return found
    })
    return { name: 'parallel', unit: 's', better: 'lower', subjects }
  },
}

async function hundredStarts(engine: Engine, width: number): Promise<Figures> {
  const ids: string[] = []
  let left = 100
  const before = engine.cpuMs()
  const worker = async () => {
    while (left-- > 0) ids.push(await startOnce(engine))
  }
  const wall = await timeMs(() => Promise.all(Array.from({ length: width }, worker)))
  const cpu = engine.cpuMs() - before
  for (const id of ids) await engine.remove(id)
  return figures([wall / 1000], cpu / 1000)
}
