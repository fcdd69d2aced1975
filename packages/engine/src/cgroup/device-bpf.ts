import type { DeviceRule } from '../ports.ts'

/** linux/bpf.h: struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor }, access_type = access << 16 | type. */
const types = { b: 1, c: 2 } as const
const accessBits = { m: 1, r: 2, w: 4 } as const
const ALL_ACCESS = 7

/** Instruction codes of linux/bpf_common.h and bpf.h that the program needs. */
const LOAD_WORD = 0x61 // LDX | MEM | W
const MOVE_REGISTER = 0xbc // ALU | MOV | X, 32 bit
const MOVE_NUMBER = 0xb4 // ALU | MOV | K
const AND_NUMBER = 0x54
const SHIFT_RIGHT_NUMBER = 0x74
const JUMP_EQUAL_NUMBER = 0x16 // JMP32 | JEQ | K
const JUMP_UNEQUAL_NUMBER = 0x56
const JUMP_UNEQUAL_REGISTER = 0x5e
const EXIT = 0x95
const BYTES_PER_INSTRUCTION = 8

const register = { result: 0, scratch: 1, access: 2, type: 3, major: 4, minor: 5 } as const
type Register = (typeof register)[keyof typeof register]
interface Instruction {
  readonly code: number
  readonly to: Register
  readonly from?: Register
  readonly offset?: number
  readonly value?: number
}

interface Exception {
  readonly type: 'b' | 'c'
  readonly major: number | null
  readonly minor: number | null
  access: number
}
export interface DevicePolicy {
  /** What happens to a device that no exception names. */
  readonly allow: boolean
  /** Devices treated the other way. */
  readonly exceptions: readonly Exception[]
}

/**
 * What a list of rules amounts to when applied in order, with the meaning that the v1 files give it: a rule on all devices
 * starts over, rules on the same numbers add up, and only a rule with the very same numbers takes one back.
 */
export function devicePolicy(rules: readonly DeviceRule[]): DevicePolicy {
  let allow = false
  let exceptions: Exception[] = []
  for (const rule of rules) {
    if (rule.type === 'a') {
      allow = rule.allow
      exceptions = []
      continue
    }
    const { type, major, minor } = rule
    const access = [...rule.access].reduce((bits, letter) => bits | (accessBits[letter as 'm'] ?? 0), 0)
    const known = exceptions.find((e) => e.type === type && e.major === major && e.minor === minor)
    if (rule.allow === allow) {
      if (known) known.access &= ~access
    } else if (known) known.access |= access
    else exceptions.push({ type, major, minor, access })
  }
  return { allow, exceptions: exceptions.filter((e) => e.access !== 0) }
}

/**
 * A BPF_PROG_TYPE_CGROUP_DEVICE program: returns 1 to let an access pass, 0 to refuse it with EPERM.
 * An exception that allows must cover everything asked for; one that refuses needs to touch only a part of it.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const policy = devicePolicy(rules)
  const program: Instruction[] = [
    { code: LOAD_WORD, to: register.access, from: register.scratch, offset: 0 },
    { code: MOVE_REGISTER, to: register.type, from: register.access },
    { code: AND_NUMBER, to: register.type, value: 0xffff },
    { code: SHIFT_RIGHT_NUMBER, to: register.access, value: 16 },
    { code: LOAD_WORD, to: register.major, from: register.scratch, offset: 4 },
    { code: LOAD_WORD, to: register.minor, from: register.scratch, offset: 8 },
    ...policy.exceptions.flatMap((exception) => exceptionBlock(exception, !policy.allow)),
    ...verdict(policy.allow),
  ]
  return assemble(program)
}

function verdict(allow: boolean): Instruction[] {
  return [
    { code: MOVE_NUMBER, to: register.result, value: allow ? 1 : 0 },
    { code: EXIT, to: register.result },
  ]
}

/** Conditions that jump behind the block unless they hold, then the verdict. */
function exceptionBlock(exception: Exception, allow: boolean): Instruction[] {
  const conditions: Instruction[] = [{ code: JUMP_UNEQUAL_NUMBER, to: register.type, value: types[exception.type] }]
  if (exception.major !== null) conditions.push({ code: JUMP_UNEQUAL_NUMBER, to: register.major, value: exception.major })
  if (exception.minor !== null) conditions.push({ code: JUMP_UNEQUAL_NUMBER, to: register.minor, value: exception.minor })
  if (exception.access !== ALL_ACCESS || !allow) {
    conditions.push(
      { code: MOVE_REGISTER, to: register.scratch, from: register.access },
      { code: AND_NUMBER, to: register.scratch, value: exception.access },
      allow
        ? { code: JUMP_UNEQUAL_REGISTER, to: register.scratch, from: register.access }
        : { code: JUMP_EQUAL_NUMBER, to: register.scratch, value: 0 },
    )
  }
  const block = [...conditions, ...verdict(allow)]
  const jumps = new Set([JUMP_UNEQUAL_NUMBER, JUMP_UNEQUAL_REGISTER, JUMP_EQUAL_NUMBER])
  return block.map((instruction, at) => (jumps.has(instruction.code) ? { ...instruction, offset: block.length - at - 1 } : instruction))
}

/** struct bpf_insn: u8 code; u8 dst:4, src:4; s16 off; s32 imm, in the machine's byte order (little on all we support). */
function assemble(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * BYTES_PER_INSTRUCTION)
  program.forEach((instruction, index) => {
    const at = index * BYTES_PER_INSTRUCTION
    bytes.writeUInt8(instruction.code, at)
    bytes.writeUInt8(((instruction.from ?? 0) << 4) | instruction.to, at + 1)
    bytes.writeInt16LE(instruction.offset ?? 0, at + 2)
    bytes.writeInt32LE(instruction.value ?? 0, at + 4)
  })
  return bytes
}
