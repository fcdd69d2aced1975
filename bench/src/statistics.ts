/** One subject's figures in the unit of its benchmark; `cpu` in the same unit where that is a time, else 0. */
export interface Figures {
  readonly best: number
  readonly median: number
  readonly p99: number
  readonly cpu: number
  readonly n: number
}

/** Sums `samples` up. `better` says which end is the best one; `cpu` is the mean over all samples. */
export function figures(samples: readonly number[], cpuTotal = 0, better: 'lower' | 'higher' = 'lower'): Figures {
  if (samples.length === 0) throw new Error('no samples were taken')
  const sorted = [...samples].sort((a, b) => (better === 'lower' ? a - b : b - a))
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
  const round = (value: number) => Number(value.toPrecision(4))
  return {
    best: round(at(0) || (sorted[0] ?? 0)),
    median: round(at(0.5)),
    p99: round(at(0.99)),
    cpu: round(cpuTotal / samples.length),
    n: samples.length,
  }
}
