import { z } from 'zod'

/** Drivers that are here. `local` is what docker's is: packed, rotated, and read by nobody but the engine. */
export const logDrivers = ['json-file', 'local', 'none', 'journald', 'syslog'] as const
export const syslogFormats = ['local', 'remote', 'rfc3164', 'rfc5424', 'rfc5424micro'] as const
export const syslogFacilities = [
  ...[
    'kern',
    'user',
    'mail',
    'daemon',
    'auth',
    'syslog',
    'lpr',
    'news',
    'uucp',
    'cron',
    'authpriv',
    'ftp',
    'ntp',
    'audit',
    'alert',
    'clock',
  ],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const

const name = z.string().min(1).max(256)
const expression = z.string().max(1024)

/** Where a container's output goes. Sizes, files and packing are about `json-file` and `local`. */
export const logSchema = z
  .strictObject({
    driver: z.enum(logDrivers).default('json-file'),
    maxSizeBytes: z
      .number()
      .int()
      .min(4096)
      .default(10 * 1024 * 1024),
    maxFiles: z.number().int().min(1).max(100).default(3),
    /** Pack rotated files. Absent: `local` does. */
    compress: z.boolean().optional(),
    /** Labels and variables of the container that come with every line, by name or by expression. */
    labels: z.array(name).max(64).default([]),
    labelsRegex: expression.optional(),
    env: z.array(name).max(64).default([]),
    envRegex: expression.optional(),
    /** Docker's template, such as `{{.Name}}/{{.ID}}`. */
    tag: z.string().max(256).optional(),
    /** Files take lines at once anyway; a receiver that does not is waited for, or loses lines. */
    mode: z.enum(['blocking', 'non-blocking']).default('blocking'),
    syslog: z
      .strictObject({
        /** `unixgram:///dev/log`, `unix://PATH`, `udp://HOST[:PORT]`, `tcp://HOST[:PORT]`. */
        address: z
          .string()
          .max(512)
          .regex(/^(unix|unixgram|udp|tcp):\/\/.+$/, 'must be unix://, unixgram://, udp:// or tcp://')
          .optional(),
        facility: z.enum(syslogFacilities).default('daemon'),
        format: z.enum(syslogFormats).optional(),
      })
      .prefault({}),
  })
  .prefault({})
export type LogSpec = z.output<typeof logSchema>
