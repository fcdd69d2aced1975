import type { Benchmark } from './benchmark.ts'
import { findPeers } from './peers.ts'
import { type Figures, figures } from './statistics.ts'

const rounds = 40
const warmUp = 3

/** Every verb by itself, the runtimes taking turns after each container. */
export const verbs: Benchmark = {
  name: 'verbs',
  what: "the OCI runtimes' command lines, verb by verb",
  async run() {
    const samples = new Map<string, { wall: number[]; cpu: number }>()
    const peers = findPeers()
    try {
      for (let round = 0; round < warmUp + rounds; round++) {
        for (const name of peers.runtimes) {
          await peers.life(name, (verb, wall, cpu) => {
            if (round < warmUp) return
            const key = `${verb} ${name}`
            const sample = samples.get(key) ?? { wall: [], cpu: 0 }
            samples.set(key, { wall: [...sample.wall, wall], cpu: sample.cpu + cpu })
          })
        }
      }
    } finally {
      await peers.close()
    }
    const subjects: Record<string, Figures> = {}
    for (const [key, { wall, cpu }] of [...samples].sort(([a], [b]) => order(a) - order(b))) subjects[key] = figures(wall, cpu)
    return { name: 'verbs', unit: 'ms', better: 'lower', subjects }
  },
}

const inOrder = ['run', 'create', 'start', 'state', 'exec', 'kill', 'delete']
const order = (key: string) => inOrder.indexOf(key.split(' ')[0] ?? '')
