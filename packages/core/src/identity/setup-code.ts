import { randomInt, timingSafeEqual } from 'node:crypto'

/** No letters and digits that look alike. */
const alphabet = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'
const length = 12
const maxAttempts = 20

/** The one-time code that whoever can read the console uses to make the first administrator. */
export class SetupCode {
  #code: string
  #attempts = 0
  readonly #show: (code: string) => void

  /** `show` gets the code now, and a new one when too many wrong ones were tried. */
  constructor(show: (code: string) => void) {
    this.#show = show
    this.#code = ''
  }

  /** Makes and shows a code; until then none is right. */
  issue(): void {
    const letters = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
    this.#code = letters.replace(/(.{4})(?=.)/g, '$1-')
    this.#attempts = 0
    this.#show(this.#code)
  }

  /** Spaces, dashes and case do not matter. */
  matches(given: string): boolean {
    const normal = (text: string) => Buffer.from(text.toUpperCase().replace(/[^A-Z0-9]/g, ''))
    const [expected, actual] = [normal(this.#code), normal(given)]
    const right = expected.length === length && expected.length === actual.length && timingSafeEqual(expected, actual)
    if (!right && this.#code !== '' && ++this.#attempts >= maxAttempts) this.issue()
    return right
  }

  retire(): void {
    this.#code = ''
  }
}
