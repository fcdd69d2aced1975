import type { AuditEntry, AuditVerification } from '@gantry/contracts'
import { type Database, findAuditHead, openDatabase, readAuditChain } from '@gantry/db'
import type { Backend } from '../backend.ts'
import { type AuditHead, genesisHash, hashEntry, isSealed } from './chain.ts'

const pageSize = 1_000
const maxProblems = 20

export interface Verification {
  db: Database
  key: Uint8Array
  /** A head that was kept outside the database; entries up to it must still be there. */
  exportedHead?: AuditHead
}

/** Walks the whole chain and finds any edit, removal, reordering or truncation. */
export async function verifyAudit({ db, key, exportedHead }: Verification): Promise<AuditVerification> {
  const problems: AuditVerification['problems'] = []
  const report = (seq: number, problem: string) => void (problems.length < maxProblems && problems.push({ seq, problem }))
  // Read before and after the walk: entries that are appended meanwhile are no finding.
  const head = await findAuditHead(db.read)
  const walk = new ChainWalk(report, exportedHead)
  let page: AuditEntry[]
  do {
    page = await readAuditChain(db.read, walk.seq, pageSize)
    for (const entry of page) walk.step(entry, head?.seq)
  } while (page.length === pageSize)
  if (exportedHead && !isSealed(key, exportedHead)) report(exportedHead.seq, 'the exported head does not carry our seal')
  if (exportedHead && walk.seq < exportedHead.seq)
    report(exportedHead.seq, `the log ends at ${walk.seq}, the exported head says ${exportedHead.seq}`)
  if (head && !isSealed(key, head)) report(head.seq, 'the head does not carry our seal')
  if (head && walk.seq < head.seq) report(head.seq, `the log ends at ${walk.seq}, its head says ${head.seq}`)
  if (head && walk.headHash !== undefined && walk.headHash !== head.hash) report(head.seq, 'the head is not that of this entry')
  const newest = await findAuditHead(db.read)
  if (walk.seq > (newest?.seq ?? 0)) report(walk.seq, `the log goes on to ${walk.seq}, its head says ${newest?.seq ?? 'nothing'}`)
  return { ok: problems.length === 0, entries: walk.entries, headHash: walk.hash, problems }
}

/** The same for a database that is not open; the panel may be running on it. */
export async function verifyAuditOf({
  databaseUrl: url,
  ...rest
}: Omit<Verification, 'db'> & { databaseUrl: string }): Promise<AuditVerification> {
  const db = await openDatabase({ url })
  try {
    return await verifyAudit({ db, ...rest })
  } finally {
    await db.close()
  }
}

/** The head as the database has it; null before the first entry. */
export async function currentAuditHead({ db }: Pick<Backend, 'db'>): Promise<AuditHead | null> {
  const row = await findAuditHead(db.read)
  return row && { seq: row.seq, hash: row.hash, seal: row.seal }
}

class ChainWalk {
  seq = 0
  hash = genesisHash
  entries = 0
  /** Hash of the entry that the head names. */
  headHash: string | undefined
  readonly #report: (seq: number, problem: string) => void
  readonly #exported: AuditHead | undefined

  constructor(report: (seq: number, problem: string) => void, exported: AuditHead | undefined) {
    this.#report = report
    this.#exported = exported
  }

  step(entry: AuditEntry, headSeq: number | undefined): void {
    const { seq } = entry
    if (seq !== this.seq + 1) this.#report(seq, missingText(this.seq + 1, seq - 1))
    else if (entry.prevHash !== this.hash) this.#report(seq, 'does not follow the entry before it')
    if (hashEntry(entry) !== entry.hash) this.#report(seq, 'was changed: its hash is not that of its content')
    if (seq === this.#exported?.seq && entry.hash !== this.#exported.hash)
      this.#report(seq, 'is not the entry that the exported head names')
    if (seq === headSeq) this.headHash = entry.hash
    this.seq = seq
    this.hash = entry.hash
    this.entries += 1
  }
}

function missingText(from: number, to: number): string {
  return from === to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`
}
