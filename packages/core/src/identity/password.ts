/** Loaded with the first password: a gateway that serves Docker's clients alone need not hold it in memory. */
const argon2 = () => import('@node-rs/argon2')

/** argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), the library's defaults. */
export const hashPassword = async (password: string): Promise<string> => (await argon2()).hash(password)

let decoy: Promise<string> | undefined

/** True when `password` is that of `passwordHash`. Without a hash (unknown user) it takes as long and is false. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  decoy ??= hashPassword('the password of nobody')
  const { verify } = await argon2()
  const right = await verify(passwordHash ?? (await decoy), password)
  return right && passwordHash !== null
}
