/** The nonce of script-src in a content security policy, or undefined. */
export function nonceOf(policy: string | null): string | undefined {
  return /(?:^|;)\s*script-src[^;]*'nonce-([A-Za-z0-9+/=_-]+)'/.exec(policy ?? '')?.[1]
}
