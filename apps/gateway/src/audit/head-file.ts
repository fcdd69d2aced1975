import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type AuditHead, currentAuditHead, type Backend } from '@gantry/core'
import { z } from 'zod'

const everyMs = 10_000
const headSchema = z.strictObject({ seq: z.number().int(), hash: z.string(), seal: z.string() })

/** The head that was exported last; undefined when there is none. */
export function readHeadFile(file: string): AuditHead | undefined {
  try {
    return headSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Exports the head of the audit log every ten seconds while it grows, and when it stops. Whoever shortens the log in the
 * database would have to change this file too; copies of it kept elsewhere prove what was there.
 */
export function exportHead(backend: Backend, file: string): { stop(): Promise<void> } {
  let written = -1
  const write = async () => {
    const head = await currentAuditHead(backend)
    if (!head || head.seq === written) return
    writeHead(file, head)
    written = head.seq
  }
  const attempt = () => write().catch((error: unknown) => backend.log.error('the head of the audit log could not be exported', { error }))
  const timer = setInterval(() => void attempt(), everyMs)
  return {
    async stop() {
      clearInterval(timer)
      await attempt()
    },
  }
}

function writeHead(file: string, head: AuditHead): void {
  const temporary = `${file}.new`
  writeFileSync(temporary, `${JSON.stringify(head)}\n`, { mode: 0o600, flush: true })
  renameSync(temporary, file)
  const folder = openSync(file.slice(0, file.lastIndexOf('/')), 'r')
  fsyncSync(folder)
  closeSync(folder)
}
