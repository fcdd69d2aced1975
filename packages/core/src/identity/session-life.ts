const hourMs = 3_600_000

/** A session that is not used for so long ends. */
export const sessionIdleMs = 12 * hourMs
/** A session ends after so long however it is used. */
export const sessionLifeMs = 7 * 24 * hourMs
/** Use is written down at most so often. */
export const sessionTouchMs = 60_000

export function isLive({ lastSeenAt, expiresAt }: { lastSeenAt: Date; expiresAt: Date }, now: Date): boolean {
  return now < expiresAt && now.getTime() - lastSeenAt.getTime() < sessionIdleMs
}
