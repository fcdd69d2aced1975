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
