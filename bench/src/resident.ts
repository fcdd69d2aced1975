import type { Benchmark } from './benchmark.ts'
import { timeMs } from './benchmark.ts'
import { processesOf, pssMiB } from './cpu-time.ts'
import { type Instance, projectId, startInstance } from './instance.ts'
import { figures } from './statistics.ts'

/** Containers that sleep; resolves when all run. */
async function sleepers(instance: Instance, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const id = await instance.create({ image: 'busybox', command: ['sleep', '100000'] })
    await instance.agent.call('container.start', { projectId, container: id })
    ids.push(id)
  }
  return ids
}

/** Agent, launcher, monitors and containers of the instance. */
async function instanceProcesses(instance: Instance): Promise<number[]> {
  const inside = new Set((await instance.agent.call('container.list', { all: false })).map(({ state }) => state.pid))
  // The launcher is the agent's child and the monitors are the launcher's, all in its session group of programs.
  const family = processesOf(
    (_, commandLine, cgroups) => commandLine.includes('gantry-') && cgroups.includes(`gantry-bench-${process.pid}-`),
  )
  return [...new Set([instance.pid, ...family, ...inside])]
}

export const memory: Benchmark = {
  name: 'memory',
  what: 'memory of one idle container in all processes (what 50 containers add, divided by 50)',
  async run() {
    const count = 50
    const instance = await startInstance()
    try {
      const [first] = await sleepers(instance, 1)
      const before = pssMiB(await instanceProcesses(instance))
      await sleepers(instance, count)
      const after = pssMiB(await instanceProcesses(instance))
      if (first === undefined) throw new Error('no container was started')
      return { name: 'memory', unit: 'MiB', better: 'lower', subjects: { gantry: figures([(after - before) / count]) } }
    } finally {
      await instance.close()
    }
  },
}

export const stats: Benchmark = {
  name: 'stats',
  what: 'counters of 100 running containers in one call',
  async run() {
    const instance = await startInstance()
    try {
      await sleepers(instance, 100)
      const samples: number[] = []
      const before = instance.cpuMs()
      for (let turn = 0; turn < 30; turn++) {
        samples.push(
          await timeMs(async () => {
            const all = await instance.agent.call('container.stats', {})
            if (all.length !== 100) throw new Error(`counters of ${all.length} containers came, not of 100`)
          }),
        )
      }
      return { name: 'stats', unit: 'ms', better: 'lower', subjects: { gantry: figures(samples, instance.cpuMs() - before) } }
    } finally {
      await instance.close()
    }
  },
}
