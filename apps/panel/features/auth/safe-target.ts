/** Only paths of our own: a link to the sign-in page must not lead anywhere else afterwards. */
export function safeTarget(next: string | null): string {
  return next && /^\/(?![/\\])[^\r\n\t]*$/.test(next) ? next : '/'
}
