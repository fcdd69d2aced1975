import type { NewSession } from '@gantry/core'

/** The session's cookie. Cookies know no ports, so the port is in the name: several panels can share a host. */
export class SessionCookie {
  readonly #name: string
  readonly #secure: boolean

  constructor({ secure, port }: { secure: boolean; port: number }) {
    this.#name = secure ? '__Host-gantry' : `gantry_${port}`
    this.#secure = secure
  }

  /** The token in a request's `Cookie` header. */
  read(header: string | undefined): string | undefined {
    for (const part of header?.split(';') ?? []) {
      const [name, value] = part.trim().split('=', 2)
      if (name === this.#name && value) return value
    }
    return undefined
  }

  /** The `Set-Cookie` header that keeps the session, or removes it. */
  write(session: NewSession | null): string {
    const value = session ? `${session.token}; Expires=${session.expiresAt.toUTCString()}` : '; Expires=Thu, 01 Jan 1970 00:00:00 GMT'
    return `${this.#name}=${value}; Path=/; HttpOnly; SameSite=Strict${this.#secure ? '; Secure' : ''}`
  }
}
