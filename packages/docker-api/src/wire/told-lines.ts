/**
 * Lines that work tells while it is under way, for one reader. Of progress that nobody has read yet only the last of each thing stays, so
 * that a slow client costs nothing.
 */
export async function* toldLines<T extends { id?: string; status?: string; progress?: string }>(
  work: (tell: (line: T) => void) => Promise<unknown>,
): AsyncGenerator<T> {
  let lines: T[] = []
  let outcome: { error?: unknown } | undefined
  let wake: () => void = () => undefined
  const tell = (line: T) => {
    const same = line.progress === undefined ? -1 : lines.findIndex(({ id, status }) => id === line.id && status === line.status)
    if (same < 0) lines.push(line)
    else lines[same] = line
    wake()
  }
  work(tell)
    .then(
      () => {
        outcome = {}
      },
      (error: unknown) => {
        outcome = { error }
      },
    )
    .finally(() => wake())
  for (;;) {
    const ready = lines
    lines = []
    yield* ready
    if (lines.length > 0) continue
    if (outcome && 'error' in outcome) throw outcome.error
    if (outcome) return
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
}
