import type { Progress } from '@gantry/contracts'

/** One line of Docker's progress streams. */
export interface JsonMessage {
  status?: string
  stream?: string
  id?: string
  progressDetail?: { current?: number; total?: number }
  progress?: string
  aux?: unknown
}

const plain = (status: string, id?: string): JsonMessage => ({ status, ...(id === undefined ? {} : { progressDetail: {}, id }) })

function withBar(status: string, { id, current = 0, total = 0 }: Progress): JsonMessage {
  return { status, progressDetail: { current, total }, progress: bar(current, total), ...(id === undefined ? {} : { id }) }
}

/** A pull of `name`, whose path at the registry is `path`, in Docker's words. The first line comes when the registry has answered. */
export class PullWords {
  readonly #name: string
  readonly #head: JsonMessage
  #begun = false
  /** Layers that are not here yet: of the others Docker says only that they exist. */
  readonly #wanted = new Set<string>()

  constructor({ name, path, tag }: { name: string; path: string; tag: string }) {
    this.#name = name
    this.#head = { status: `Pulling from ${path}`, id: tag }
  }

  lines(line: Progress): JsonMessage[] {
    if (line.status === 'resolving') return []
    const head = this.#begun ? [] : [this.#head]
    this.#begun = true
    return [...head, ...this.#words(line)]
  }

  #words(line: Progress): JsonMessage[] {
    const { id, status } = line
    if (status === 'waiting') {
      this.#wanted.add(id ?? '')
      return [plain('Pulling fs layer', id)]
    }
    if (status === 'downloading') return [withBar('Downloading', line)]
    if (status === 'downloaded') return !this.#wanted.has(id ?? '') ? [] : [plain('Verifying Checksum', id), plain('Download complete', id)]
    if (status === 'extracting') return [withBar('Extracting', line)]
    if (status === 'complete') return [plain('Pull complete', id)]
    if (status === 'exists') return [plain('Already exists', id)]
    if (status !== 'done') return []
    const outcome = line.changed ? 'Downloaded newer image for' : 'Image is up to date for'
    return [{ status: `Digest: ${line.digest}` }, { status: `Status: ${outcome} ${line.message ?? this.#name}` }]
  }
}

/** A push of one tag. */
export function pushWords(line: Progress, tag: string): JsonMessage[] {
  const { id, status, digest, total = 0 } = line
  if (status === 'waiting') return [plain('Preparing', id)]
  if (status === 'uploading') return [withBar('Pushing', line)]
  if (status === 'pushed') return [plain('Pushed', id)]
  if (status === 'exists') return [plain('Layer already exists', id)]
  if (status !== 'done') return []
  const aux = { Tag: tag, Digest: digest, Size: total }
  return [{ status: `${tag}: digest: ${digest} size: ${total}` }, { progressDetail: {}, aux }]
}

/** A load; the engine's `loaded` names a reference or an id. */
export function loadWords(line: Progress): JsonMessage[] {
  if (line.status === 'extracting') return [withBar('Loading layer', line)]
  if (line.status !== 'loaded') return []
  const { message = '' } = line
  return [{ stream: `Loaded image${message.startsWith('sha256:') ? ' ID' : ''}: ${message}\n` }]
}

const barWidth = 50

/** jsonmessage.JSONProgress of a terminal 200 columns wide. */
function bar(current: number, total: number): string {
  if (current <= 0 && total <= 0) return ''
  const numbers = humanSize(current).padStart(8)
  if (total <= 0) return numbers
  const half = Math.min(barWidth, Math.floor((current / total) * 100) / 2)
  const done = Math.floor(half)
  const sizes = current <= total ? `${numbers}/${humanSize(total)}` : numbers
  return `[${'='.repeat(done)}>${' '.repeat(barWidth - done)}] ${sizes}`
}

/** units.HumanSize: four digits, thousands. */
function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${Number((bytes / 1000 ** unit).toPrecision(4))}${units[unit]}`
}
