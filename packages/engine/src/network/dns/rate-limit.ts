/** A token bucket per asker: so many questions a second, and as many at once after a rest. */
export class RateLimit {
  readonly #perSecond: number
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** False when the asker has used up its share at this time. */
  admit(asker: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(asker) ?? { tokens: this.#perSecond, atMs: nowMs }
    const tokens = Math.min(this.#perSecond, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * this.#perSecond)
    this.#buckets.set(asker, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: nowMs })
    if (this.#buckets.size > 4096) this.#forgetIdle(nowMs)
    return tokens >= 1
  }

  #forgetIdle(nowMs: number): void {
    for (const [asker, { atMs }] of this.#buckets) if (nowMs - atMs > 1000) this.#buckets.delete(asker)
  }
}
