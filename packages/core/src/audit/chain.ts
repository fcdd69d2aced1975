import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { AuditEntry } from '@gantry/contracts'
import canonicalize from 'canonicalize'

/** `prevHash` of the first entry. */
export const genesisHash = '0'.repeat(64)

/** SHA-256 over the hash before and the canonical JSON (RFC 8785) of the entry without its hashes. */
export function hashEntry({ hash: _, prevHash, ...content }: Omit<AuditEntry, 'hash'> & { hash?: string }): string {
  return createHash('sha256')
    .update(prevHash)
    .update(canonicalize(content) ?? '')
    .digest('hex')
}

/** End of the chain. The seal needs a key that whoever can write the database need not have. */
export interface AuditHead {
  seq: number
  hash: string
  seal: string
}

export function sealHead(key: Uint8Array, { seq, hash }: { seq: number; hash: string }): AuditHead {
  return { seq, hash, seal: createHmac('sha256', key).update(`${seq}:${hash}`).digest('hex') }
}

export function isSealed(key: Uint8Array, head: AuditHead): boolean {
  const expected = Buffer.from(sealHead(key, head).seal)
  const given = Buffer.from(head.seal)
  return expected.length === given.length && timingSafeEqual(expected, given)
}
