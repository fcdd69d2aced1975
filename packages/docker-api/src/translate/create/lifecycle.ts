import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import { optional, word, yes } from './fields.ts'
import { logConfigSchema, toLog } from './log.ts'

export const restartSchema = optional(z.object({ Name: word, MaximumRetryCount: z.number().int().nullish() }))

/** Fields of HostConfig about beginning and end, and what is kept of it. */
export const lifecycleFields = {
  RestartPolicy: restartSchema,
  AutoRemove: yes,
  Init: optional(z.boolean()),
  LogConfig: logConfigSchema,
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
  const { Name: policy = 'no' } = host.RestartPolicy ?? {}
  if (host.AutoRemove && policy !== 'no') throw invalid("can't create 'AutoRemove' container with restart policy")
  return {
    restart: toRestart(host.RestartPolicy),
    autoRemove: host.AutoRemove,
    init: host.Init ?? false,
    log: toLog(host.LogConfig),
  }
}

export function toRestart(policy: z.output<typeof restartSchema>): ContainerSpecInput['restart'] {
  const { Name: name = 'no', MaximumRetryCount: count } = policy ?? {}
  if (name === 'on-failure' && (count ?? 0) < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative')
  if (name === 'on-failure') return { name, maximumRetryCount: count ?? 0 }
  if (name === 'no' || name === 'always' || name === 'unless-stopped') {
    if (count) throw invalid(`invalid restart policy: maximum retry count can only be used with 'on-failure'`)
    return { name }
  }
  throw invalid(`invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`)
}

const durations = { Interval: 'Interval', Timeout: 'Timeout', StartPeriod: 'StartPeriod', StartInterval: 'StartInterval' } as const

function checkHealth(check: NonNullable<z.output<typeof healthcheckSchema>>): void {
  for (const name of Object.values(durations)) {
    const value = check[name] ?? 0
    if (value !== 0 && value < 1e6) throw invalid(`${name} in Healthcheck cannot be less than 1ms`)
  }
  if ((check.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative')
}

function invalid(message: string): GantryError {
  return new GantryError('invalid_input', message)
}

const msOf = (nanoseconds: number | undefined) => (nanoseconds ? Math.max(1, Math.round(nanoseconds / 1e6)) : undefined)

/** Docker's durations are nanoseconds; 0 says nothing. */
export function toHealthcheck(check: z.output<typeof healthcheckSchema>): ContainerSpecInput['healthcheck'] {
  if (check) checkHealth(check)
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
