import Anser from 'anser'

export type AnsiSpan = { text: string; className: string }

// biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is matched here
const strings = /\x1b[\]PX^_][\s\S]*?(?:\x07|\x1b\\|$)|[\x90\x98\x9d-\x9f][\s\S]*?(?:\x07|\x9c|\x1b\\|$)/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is matched here
const notColours = /\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b(?!\[)[ -/]*[0-~]?/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is matched here
const controls = /[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g

/**
 * Leaves text and colour sequences (CSI … m) and takes everything else out: OSC (titles, links, clipboard), DCS, cursor
 * movement, C1 controls. A log line must not be able to do anything but be read.
 */
export function keepColours(line: string): string {
  return line.replace(strings, '').replace(notColours, '').replace(controls, '')
}

/** The line as plain text: for searching and copying. */
export function plainText(line: string): string {
  return Anser.ansiToText(keepColours(line))
}

/** The line as coloured pieces; class names are defined beside the app's tokens. */
export function ansiSpans(line: string): AnsiSpan[] {
  const clean = keepColours(line)
  if (!clean.includes('\u001b')) return [{ text: clean, className: '' }]
  return Anser.ansiToJson(clean, { use_classes: true, remove_empty: true }).map((part) => ({
    text: part.content,
    className: [
      named(part.fg) ? `${part.fg}-fg` : '',
      named(part.bg) ? `${part.bg}-bg` : '',
      ...part.decorations.map((decoration) => `ansi-${decoration}`),
    ]
      .filter(Boolean)
      .join(' '),
  }))
}

/** Only the sixteen named colours have readable shades in both themes; others are shown in the text colour. */
const named = (colour: string | null): boolean => /^ansi-(bright-)?(black|red|green|yellow|blue|magenta|cyan|white)$/.test(colour ?? '')

/** Cuts spans at the matches of a search, so that a match over a colour change is still marked. */
export function markMatches(spans: readonly AnsiSpan[], query: string): (AnsiSpan & { match: boolean })[] {
  if (query === '') return spans.map((span) => ({ ...span, match: false }))
  const whole = spans
    .map((span) => span.text)
    .join('')
    .toLowerCase()
  const needle = query.toLowerCase()
  const edges: [number, number][] = []
  for (let at = whole.indexOf(needle); at >= 0; at = whole.indexOf(needle, at + needle.length)) edges.push([at, at + needle.length])
  const pieces: (AnsiSpan & { match: boolean })[] = []
  let offset = 0
  for (const span of spans) {
    const end = offset + span.text.length
    const cuts = [offset, end, ...edges.flat().filter((cut) => cut > offset && cut < end)].sort((a, b) => a - b)
    for (let i = 0; i + 1 < cuts.length; i++) {
      const [from, to] = [cuts[i] as number, cuts[i + 1] as number]
      if (from === to) continue
      const match = edges.some(([start, stop]) => from >= start && to <= stop)
      pieces.push({ text: span.text.slice(from - offset, to - offset), className: span.className, match })
    }
    offset = end
  }
  return pieces
}
