import { type Answer, type DecodedPacket, encode, type Packet, type Question } from 'dns-packet'
import { parseReverseName, formatAddress } from '../address.ts'
import type { Asker, Zone } from '../zone.ts'

/** Response codes of RFC 1035 and 2136; dns-packet carries them in the low bits of the flags. */
export const rcode = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const
const authoritative = 1 << 10
const truncated = 1 << 9
const recursionDesired = 1 << 8
const recursionAvailable = 1 << 7
/** Seconds. Short: a container's address changes when it starts again. */
const ttl = 5
/** What a client without EDNS can take over UDP, and what we send at most to one with it (avoids fragments). */
const plainUdpBytes = 512
const largestUdpBytes = 1232

export type Decision =
  | { readonly kind: 'answer'; readonly rcode: number; readonly answers: readonly Answer[] }
  | { readonly kind: 'forward' }

/**
 * What to do with a question: names and addresses of the asker's networks are answered here, everything else is the host's servers'
 * business. A single label that no container has is answered with "no such name" here: forwarding it would tell strangers the names
 * that containers look for.
 */
export function decide(question: Question, asker: Asker, zone: Zone, ownsAddress: (address: string) => boolean): Decision {
  const answer = (code: number, answers: readonly Answer[] = []): Decision => ({ kind: 'answer', rcode: code, answers })
  if (question.class !== undefined && question.class !== 'IN') return answer(rcode.notImplemented)
  if (question.type === 'PTR') {
    const reverse = parseReverseName(question.name)
    if (!reverse) return { kind: 'forward' }
    const address = formatAddress(reverse)
    const name = zone.reverse(asker, address)
    if (name) return answer(rcode.noError, [{ name: question.name, type: 'PTR', ttl, data: name }])
    return ownsAddress(address) ? answer(rcode.nameError) : { kind: 'forward' }
  }
  const addresses = zone.lookup(asker, question.name)
  if (!addresses) return question.name.includes('.') ? { kind: 'forward' } : answer(rcode.nameError)
  const wanted = addresses.filter((address) =>
    question.type === 'A' ? !address.includes(':') : question.type === 'AAAA' && address.includes(':'),
  )
  const type = question.type === 'AAAA' ? 'AAAA' : 'A'
  return answer(
    rcode.noError,
    shuffle(wanted).map((data) => ({ name: question.name, type, ttl, data })),
  )
}

/** So that several containers with one alias share the load. */
function shuffle<T>(items: readonly T[]): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const swapped = result[i] as T
    result[i] = result[j] as T
    result[j] = swapped
  }
  return result
}

/** The response to `query`; cut to its header with the truncation bit when it is too large for the transport. */
export function respond(query: DecodedPacket, code: number, answers: readonly Answer[], transport: 'udp' | 'tcp'): Buffer {
  const edns = query.additionals?.find((record) => record.type === 'OPT')
  const base: Packet = {
    type: 'response',
    id: query.id ?? 0,
    flags: ((query.flags ?? 0) & recursionDesired) | recursionAvailable | (code === rcode.noError ? authoritative : 0) | code,
    questions: query.questions ?? [],
    additionals: edns
      ? [
          {
            name: '.',
            type: 'OPT',
            udpPayloadSize: largestUdpBytes,
            flags: 0,
            options: [],
            extendedRcode: 0,
            ednsVersion: 0,
            flag_do: false,
          } as Answer,
        ]
      : [],
  }
  const full = encode({ ...base, answers: [...answers] })
  if (transport === 'tcp' || full.length <= udpLimit(edns)) return full
  return encode({ ...base, flags: (base.flags ?? 0) | truncated })
}

function udpLimit(edns: Answer | undefined): number {
  const offered = (edns as { udpPayloadSize?: number } | undefined)?.udpPayloadSize ?? plainUdpBytes
  return Math.min(Math.max(offered, plainUdpBytes), largestUdpBytes)
}
