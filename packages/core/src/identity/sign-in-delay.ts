import { GantryError } from '@gantry/contracts'
import { RateLimiterMemory } from 'rate-limiter-flexible'

/** Wrong passwords that cost nothing yet, per account and per address (many people can share an address). */
const free = { account: 5, address: 20 }
const windowSeconds = 24 * 3600
const maxDelaySeconds = 15 * 60

type Kind = keyof typeof free

/** Delays sign-in after wrong passwords: 1, 2, 4 … seconds, up to 15 minutes, for the account and for the address. */
export class SignInDelay {
  readonly #failures = limiters(windowSeconds)
  readonly #blocks = limiters(maxDelaySeconds)

  /** Throws `rate_limited` with the seconds to wait while account or address is delayed. */
  async check(account: string, address: string): Promise<void> {
    const waits = await Promise.all([this.#wait('account', account), this.#wait('address', address)])
    const seconds = Math.ceil(Math.max(...waits) / 1000)
    if (seconds > 0) {
      throw new GantryError('rate_limited', `too many wrong passwords, wait ${seconds} s`, {
        limit: `${seconds} s`,
        remedy: `try again in ${seconds} s`,
      })
    }
  }

  async failed(account: string, address: string): Promise<void> {
    await Promise.all([this.#count('account', account), this.#count('address', address)])
  }

  /** The account's delay ends; the address keeps its own, as one right password says nothing about the others tried from there. */
  async succeeded(account: string): Promise<void> {
    await Promise.all([this.#failures.account.delete(account), this.#blocks.account.delete(account)])
  }

  /** Seconds until the account can be tried again. */
  async lockedSeconds(account: string): Promise<number> {
    return Math.ceil((await this.#wait('account', account)) / 1000)
  }

  async #wait(kind: Kind, key: string): Promise<number> {
    const block = await this.#blocks[kind].get(key)
    return block && block.consumedPoints > 0 ? block.msBeforeNext : 0
  }

  async #count(kind: Kind, key: string): Promise<void> {
    const { consumedPoints } = await this.#failures[kind].penalty(key)
    const excess = consumedPoints - free[kind]
    if (excess >= 0) await this.#blocks[kind].block(key, Math.min(2 ** excess, maxDelaySeconds))
  }
}

function limiters(durationSeconds: number): Record<Kind, RateLimiterMemory> {
  const limiter = (keyPrefix: string) => new RateLimiterMemory({ keyPrefix, points: 1, duration: durationSeconds })
  return { account: limiter('account'), address: limiter('address') }
}
