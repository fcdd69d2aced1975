import type { ContainerSpecInput } from '@gantry/contracts'
import { z } from 'zod'
import { optional, refuseUnknown, refuseValue, textMap, word, yes } from './fields.ts'

export const restartSchema = optional(z.object({ Name: word, MaximumRetryCount: z.number().int().nullish() }))

/** Fields of HostConfig about beginning and end, and what is kept of it. */
export const lifecycleFields = {
  RestartPolicy: restartSchema,
  AutoRemove: yes,
  Init: optional(z.boolean()),
  LogConfig: optional(z.object({ Type: word, Config: textMap })),
}
type Given = z.output<z.ZodObject<typeof lifecycleFields>>

/** Fields of Config about the same. */
export const healthcheckSchema = optional(
  z.looseObject({
    Test: optional(z.array(z.string())),
    Interval: optional(z.number()),
    Timeout: optional(z.number()),
    Retries: optional(z.number().int()),
    StartPeriod: optional(z.number()),
    StartInterval: optional(z.number()),
  }),
)

export function toLifecycle(host: Given): Partial<ContainerSpecInput> {
  return {
    restart: toRestart(host.RestartPolicy),
    autoRemove: host.AutoRemove,
    init: host.Init ?? false,
    log: toLog(host.LogConfig),
  }
}

export function toRestart(policy: z.output<typeof restartSchema>): ContainerSpecInput['restart'] {
  const { Name: name = 'no', MaximumRetryCount: count } = policy ?? {}
  if (name === 'on-failure') return { name, maximumRetryCount: count ?? 0 }
  if (name === 'no' || name === 'always' || name === 'unless-stopped') {
    if (count) throw refuseValue('RestartPolicy.MaximumRetryCount', String(count), 'with on-failure')
    return { name }
  }
  throw refuseValue('RestartPolicy.Name', name, 'no, always, unless-stopped, on-failure')
}

function toLog(log: Given['LogConfig']): ContainerSpecInput['log'] {
  const { Type: driver = 'json-file', Config: options = {} } = log ?? {}
  if (driver !== 'json-file' && driver !== 'none') throw refuseValue('HostConfig.LogConfig.Type', driver, 'json-file, none')
  refuseUnknown('HostConfig.LogConfig.Config', options, ['max-size', 'max-file'])
  const { 'max-size': size, 'max-file': files } = options
  return {
    driver,
    maxSizeBytes: size === undefined ? undefined : parseSize(size),
    maxFiles: files === undefined ? undefined : Number(files),
  }
}

function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)b?$/i.exec(text) ?? []
  if (digits === undefined) throw refuseValue('HostConfig.LogConfig.Config.max-size', text, 'a size such as 10m')
  return Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
}

const msOf = (nanoseconds: number | undefined) => (nanoseconds ? Math.max(1, Math.round(nanoseconds / 1e6)) : undefined)

/** Docker's durations are nanoseconds; 0 says nothing. */
export function toHealthcheck(check: z.output<typeof healthcheckSchema>): ContainerSpecInput['healthcheck'] {
  if (!check?.Test?.length) return undefined
  return {
    test: check.Test,
    intervalMs: msOf(check.Interval),
    timeoutMs: msOf(check.Timeout),
    retries: check.Retries || undefined,
    startPeriodMs: msOf(check.StartPeriod),
    startIntervalMs: msOf(check.StartInterval),
  }
}
