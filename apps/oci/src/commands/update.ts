import { readFileSync } from 'node:fs'
import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, type Parsed, parseArgs, wholeNumber } from '../args.ts'
import { deviceOps, writeLimits } from '../cgroup/write-limits.ts'
import { parseJson, parseWith } from '../config/config.ts'
import { type Resources, resourcesSchema } from '../config/resources.ts'
import type { Globals } from '../globals.ts'
import { runHostOps } from '../kernel/native.ts'
import { Container } from '../state/container.ts'

const numbers = {
  'blkio-weight': { kind: 'value' },
  'cpu-period': { kind: 'value' },
  'cpu-quota': { kind: 'value' },
  'cpu-burst': { kind: 'value' },
  'cpu-share': { kind: 'value' },
  'cpu-rt-period': { kind: 'value' },
  'cpu-rt-runtime': { kind: 'value' },
  'cpu-idle': { kind: 'value' },
  memory: { kind: 'value' },
  'memory-reservation': { kind: 'value' },
  'memory-swap': { kind: 'value' },
  'pids-limit': { kind: 'value' },
} as const
const options = {
  ...numbers,
  resources: { kind: 'value', short: 'r' },
  'cpuset-cpus': { kind: 'value' },
  'cpuset-mems': { kind: 'value' },
  'kernel-memory': { kind: 'value' },
  'kernel-memory-tcp': { kind: 'value' },
  'l3-cache-schema': { kind: 'value' },
  'mem-bw-schema': { kind: 'value' },
} as const

/** New limits for a container that exists: from a file (`-` is standard input), or one by one. */
export function update(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, options, true)
  expectWords(parsed, 'update [OPTIONS] CONTAINER', 1)
  for (const name of ['l3-cache-schema', 'mem-bw-schema']) {
    if (parsed.value(name)) throw new GantryError('unsupported', `--${name} is not supported`)
  }
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const record = container.read()
  const status = container.status(record)
  if (status === 'stopped' || status === 'creating') throw new GantryError('wrong_state', `cannot update a container that is ${status}`)
  const file = parsed.value('resources')
  const resources = file
    ? parseWith(resourcesSchema, parseJson(readFileSync(file === '-' ? 0 : file, 'utf8'), file), file)
    : fromOptions(parsed)
  writeLimits(record.cgroup, resources, { fresh: false })
  runHostOps(container.dir, deviceOps(record.cgroup, resources.devices, false))
}

function fromOptions(parsed: Parsed): Resources {
  const n = (name: keyof typeof numbers) => wholeNumber(parsed.value(name), `--${name}`)
  const pids = n('pids-limit')
  return {
    cpu: {
      shares: n('cpu-share'),
      quota: n('cpu-quota'),
      burst: n('cpu-burst'),
      period: n('cpu-period'),
      realtimeRuntime: n('cpu-rt-runtime'),
      realtimePeriod: n('cpu-rt-period'),
      idle: n('cpu-idle'),
      cpus: parsed.value('cpuset-cpus'),
      mems: parsed.value('cpuset-mems'),
    },
    memory: { limit: n('memory'), swap: n('memory-swap'), reservation: n('memory-reservation') },
    blockIO: { weight: n('blkio-weight') },
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  }
}
