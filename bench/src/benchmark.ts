import type { Engine } from './engine.ts'
import { startGantry, startGantryDoor } from './instance.ts'
import { otherEngines } from './other-engines.ts'
import type { Figures } from './statistics.ts'

/** What one benchmark found. `better` tells whether less or more of `unit` is better. */
export interface Result {
  readonly name: string
  readonly unit: string
  readonly better: 'lower' | 'higher'
  readonly subjects: Record<string, Figures>
}

export interface Benchmark {
  readonly name: string
  readonly what: string
  run(): Promise<Result>
}

/** Milliseconds that `action` takes. */
export async function timeMs(action: () => Promise<unknown>): Promise<number> {
  const from = process.hrtime.bigint()
  await action()
  return Number(process.hrtime.bigint() - from) / 1e6
}

/** Gantry first, then the other engines that are installed, all with empty folders below `dataParent`; ended when `use` is done. */
export async function withEngines<T>(use: (engines: readonly Engine[]) => Promise<T>, dataParent = '/var/lib'): Promise<T> {
  const engines: Engine[] = []
  try {
    for (const start of [startGantry, startGantryDoor, ...otherEngines()]) engines.push(await start(dataParent))
    return await use(engines)
  } finally {
    for (const engine of engines.reverse()) await engine.close()
  }
}
