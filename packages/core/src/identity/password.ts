import { hash, verify } from '@node-rs/argon2'

/** argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), the library's defaults. */
export const hashPassword = (password: string): Promise<string> => hash(password)

let decoy: Promise<string> | undefined

/** True when `password` is that of `passwordHash`. Without a hash (unknown user) it takes as long and is false. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  decoy ??= hash('the password of nobody')
  const right = await verify(passwordHash ?? (await decoy), password)
  return right && passwordHash !== null
}
