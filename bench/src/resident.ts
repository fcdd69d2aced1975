import { type Benchmark, timeMs, withEngines } from './benchmark.ts'
import { pssMiB } from './cpu-time.ts'
import type { Engine } from './engine.ts'
import { type Figures, figures } from './statistics.ts'

/** Containers that sleep; resolves when all run. */
async function sleepers(engine: Engine, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const id = await engine.create(['sleep', '100000'])
    await engine.start(id)
    ids.push(id)
  }
  return ids
}

/** One engine after the other: what each holds or answers is its own, so nothing is gained by turns. */
function forEach(name: string, what: string, unit: string, measure: (engine: Engine) => Promise<Figures>): Benchmark {
  return {
    name,
    what,
    async run() {
      const subjects = await withEngines(async (engines) => {
        const found: Record<string, Figures> = {}
        for (const engine of engines) found[engine.name] = await measure(engine)
        return found
      })
      return { name, unit, better: 'lower', subjects }
    },
  }
}

const added = 50
export const memory = forEach(
  'memory',
  `memory of one idle container in all processes (what ${added} containers add, divided by ${added})`,
  'MiB',
  async (engine) => {
    await sleepers(engine, 1)
    const before = pssMiB(engine.processes())
    await sleepers(engine, added)
    return figures([(pssMiB(engine.processes()) - before) / added])
  },
)

export const idle = forEach('idle', 'memory of the engine with no container, after one has come and gone', 'MiB', async (engine) => {
  const id = await engine.create(['true'])
  await engine.start(id)
  await engine.wait(id)
  await engine.remove(id)
  return figures([pssMiB(engine.processes())])
})

export const stats = forEach('stats', 'counters of 100 running containers', 'ms', async (engine) => {
  const ids = await sleepers(engine, 100)
  const samples: number[] = []
  const before = engine.cpuMs()
  for (let turn = 0; turn < 30; turn++) samples.push(await timeMs(() => engine.stats(ids)))
  return figures(samples, engine.cpuMs() - before)
})
