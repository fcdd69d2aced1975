import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DeviceRule } from '../ports.ts'
import { devicePolicy, deviceProgram } from './device-bpf.ts'
import { defaultDeviceRules } from './devices.ts'

interface Access {
  type: 1 | 2
  access: number
  major: number
  minor: number
}

/** The few BPF instructions that device programs consist of, executed as the kernel does. */
function execute(program: Uint8Array, ask: Access): boolean {
  const code = Buffer.from(program)
  const r = new Array<number>(11).fill(0)
  const context = [((ask.access << 16) | ask.type) >>> 0, ask.major, ask.minor]
  for (let pc = 0; pc * 8 < code.length; pc++) {
    const op = code.readUInt8(pc * 8)
    const to = code.readUInt8(pc * 8 + 1) & 15
    const from = code.readUInt8(pc * 8 + 1) >> 4
    const offset = code.readInt16LE(pc * 8 + 2)
    const value = code.readInt32LE(pc * 8 + 4)
    const x = r[to] ?? 0
    if (op === 0x61) r[to] = context[offset / 4] ?? Number.NaN
    else if (op === 0xbc) r[to] = r[from] ?? 0
    else if (op === 0xb4) r[to] = value
    else if (op === 0x54) r[to] = x & value
    else if (op === 0x74) r[to] = x >>> value
    else if (op === 0x16) pc += x === value ? offset : 0
    else if (op === 0x56) pc += x !== value ? offset : 0
    else if (op === 0x5e) pc += x !== r[from] ? offset : 0
    else if (op === 0x95) return r[0] === 1
    else throw new Error(`unknown instruction ${op.toString(16)}`)
  }
  throw new Error('ran off the end')
}

/** The same question answered from the policy directly. */
function allowed(rules: readonly DeviceRule[], ask: Access): boolean {
  const policy = devicePolicy(rules)
  const hit = policy.exceptions.some((e) => {
    const same = (e.type === 'b' ? 1 : 2) === ask.type && (e.major ?? ask.major) === ask.major && (e.minor ?? ask.minor) === ask.minor
    return same && (policy.allow ? (e.access & ask.access) !== 0 : (ask.access & ~e.access) === 0)
  })
  return policy.allow !== hit
}

const number = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 4 }))
const rule: fc.Arbitrary<DeviceRule> = fc.record({
  allow: fc.boolean(),
  type: fc.constantFrom('a', 'b', 'c', 'c', 'b'),
  major: number,
  minor: number,
  access: fc.constantFrom('r', 'w', 'm', 'rw', 'rm', 'rwm'),
})
const ask: fc.Arbitrary<Access> = fc.record({
  type: fc.constantFrom(1, 2),
  access: fc.integer({ min: 1, max: 7 }),
  major: fc.integer({ min: 0, max: 4 }),
  minor: fc.integer({ min: 0, max: 4 }),
})

test('a program decides as the rules do', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 12 }), fc.array(ask, { minLength: 1, maxLength: 20 }), (rules, asks) => {
      const program = deviceProgram(rules)
      for (const one of asks) expect(execute(program, one)).toBe(allowed(rules, one))
    }),
  )
})

const m = 1
const r = 2
const w = 4
test.each([
  ['reading null', 2, 1, 3, r | w, true],
  ['making null', 2, 1, 3, m, true],
  ['a block device of null’s numbers', 1, 1, 3, r, false],
  ['any pty', 2, 136, 77, r | w, true],
  ['the disk', 1, 254, 0, r, false],
  ['kernel memory', 2, 1, 1, r, false],
  ['tun', 2, 10, 200, r | w, false],
] as const)('default devices: %s', (_name, type, major, minor, access, expected) => {
  expect(execute(deviceProgram(defaultDeviceRules), { type, major, minor, access })).toBe(expected)
})

test('rules add up and take back as the v1 files do', () => {
  const c = (allow: boolean, access: string, minor: number | null = 3): DeviceRule => ({ allow, type: 'c', major: 1, minor, access })
  const asks = (rules: DeviceRule[], access: number) => execute(deviceProgram(rules), { type: 2, major: 1, minor: 3, access })
  expect(asks([c(true, 'r'), c(true, 'w')], r | w)).toBe(true)
  expect(asks([c(true, 'rw'), c(false, 'w')], w)).toBe(false)
  expect(asks([c(true, 'rw'), c(false, 'w')], r)).toBe(true)
  expect(asks([c(true, 'rw', null), c(false, 'w')], w)).toBe(true)
  const everything: DeviceRule = { allow: true, type: 'a', major: null, minor: null, access: 'rwm' }
  expect(asks([everything, c(false, 'w')], r | w)).toBe(false)
  expect(asks([everything, c(false, 'w'), c(true, 'w')], r | w)).toBe(true)
})
