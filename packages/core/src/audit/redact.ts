import canonicalize from 'canonicalize'

const secretKeys = /^(.*password.*|code|.*token|ticket|auths?|secret.*|identityToken)$/i
const secretArgument = /^(-{1,2}[\w-]*(?:password|passwd|token|secret|api-?key)[\w-]*=).+$/i
const hidden = '[redacted]'
const maxString = 1_000
const maxItems = 100
const maxTotal = 16_384

/** Parameters as they go into the audit log: canonical JSON with secrets taken out and long values cut. */
export function redactedParameters(input: unknown): string {
  const text = canonicalize(redact(input ?? {})) ?? '{}'
  return text.length <= maxTotal ? text : (canonicalize({ cut: `${text.length} characters`, start: text.slice(0, 2_000) }) ?? '{}')
}

function redact(value: unknown, key = ''): unknown {
  if (secretKeys.test(key) && value !== null && value !== undefined) return hidden
  if (typeof value === 'string') return redactString(value)
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map((item) => (key === 'env' ? redactVariable(item) : redact(item)))
    return value.length > maxItems ? [...items, `and ${value.length - maxItems} more`] : items
  }
  if (key === 'buildArgs' && typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.keys(value).map((name) => [name, hidden]))
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redact(item, name)]))
  }
  return value
}

function redactString(value: string): string {
  const safe = value.replace(secretArgument, `$1${hidden}`)
  return safe.length > maxString ? `${safe.slice(0, maxString)}… (${safe.length} characters)` : safe
}

/** Names of variables tell what was set; values may be secrets. */
function redactVariable(variable: unknown): string {
  const [name] = String(variable).split('=')
  return `${name}=${hidden}`
}

/** Text from outside as it may stand in a log line: no line ends, no control bytes, no reordering of what surrounds it. */
export function printable(text: string): string {
  const escaped = (character: string) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for
  return text.slice(0, maxString).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escaped)
}
