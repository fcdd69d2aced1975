import { buildFields, GantryError, type InputOf } from '@gantry/contracts'
import { z } from 'zod'
import { flag, list, text, whole } from '../query.ts'

/** Parameters of POST /build. */
export const buildQuery = z.object({
  ...{ dockerfile: text, t: list, remote: text, q: flag, nocache: flag, cachefrom: text, pull: flag, target: text, platform: text },
  ...{ buildargs: text, labels: text, networkmode: text, extrahosts: list, ulimits: text, buildid: text, version: text },
  ...{ squash: flag, isolation: text, cgroupparent: text, securityopt: text, outputs: text },
  memory: whole(0, Number.MAX_SAFE_INTEGER),
  memswap: whole(-1, Number.MAX_SAFE_INTEGER),
  shmsize: whole(0, Number.MAX_SAFE_INTEGER),
  cpushares: whole(0, 262_144),
  cpuperiod: whole(0, 1_000_000),
  cpuquota: whole(-1, Number.MAX_SAFE_INTEGER),
  cpusetcpus: text,
  cpusetmems: text,
})
type Query = z.output<typeof buildQuery>
type Build = Omit<InputOf<'image.build'>, 'projectId' | 'policy' | 'limits'>

const buildSchema = z.object(buildFields)
const stringMap = z.record(z.string(), z.string().nullable())
const ulimitList = z.array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() }))

/** What the request asks for; refuses in words what a build here cannot have. */
export function toBuild(query: Query, auths: Build['auths']): Build {
  refuse(query)
  const given = {
    ...(query.dockerfile === undefined ? {} : { dockerfile: query.dockerfile }),
    references: query.t.filter((name) => name !== ''),
    buildArgs: json('buildargs', stringMap, query.buildargs) ?? {},
    labels: json('labels', z.record(z.string(), z.string()), query.labels) ?? {},
    cacheFrom: json('cachefrom', z.array(z.string()), query.cachefrom) ?? [],
    ...{ target: query.target, platform: query.platform, noCache: query.nocache, pull: query.pull, extraHosts: query.extrahosts, auths },
    networkMode: networkMode(query.networkmode),
    ulimits: (json('ulimits', ulimitList, query.ulimits) ?? []).map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
    resources: resources(query),
    ...(query.shmsize ? { shmSizeBytes: query.shmsize } : {}),
  }
  const parsed = buildSchema.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new GantryError('invalid_input', `${issue?.path.join('.')}: ${issue?.message}`, { field: issue?.path.join('.') })
}

function refuse(query: Query): void {
  const no = (what: string, remedy: string) => {
    throw new GantryError('unsupported', what, { remedy })
  }
  if (query.version === '2') no('BuildKit is not supported', 'build with DOCKER_BUILDKIT=0')
  if (query.remote) no('remote build contexts are not supported', 'send the context as a tar, as docker build FOLDER does')
  if (query.squash) no('squashed images are not supported', 'copy the result into a last stage FROM scratch')
  if (query.outputs && query.outputs !== '[]') no('outputs of a build need BuildKit', 'build an image, and copy from a container of it')
  if (query.cgroupparent) no('a cgroup parent cannot be chosen', 'the containers of a build are in the group of their project')
  if (query.securityopt && query.securityopt !== 'null' && query.securityopt !== '[]') {
    no('security options of a build are not supported', 'leave --security-opt out')
  }
  if (query.isolation && query.isolation !== 'default') no(`isolation ${query.isolation} is not supported`, 'leave --isolation out')
}

function resources(query: Query): Build['resources'] {
  const { memory, memswap, cpushares, cpuperiod, cpuquota, cpusetcpus, cpusetmems } = query
  return {
    ...(memory ? { memoryBytes: memory } : {}),
    ...(memswap ? { memorySwapBytes: memswap } : {}),
    ...(cpushares ? { cpuShares: cpushares } : {}),
    ...(cpuperiod ? { cpuPeriodUs: cpuperiod } : {}),
    ...(cpuquota && cpuquota > 0 ? { cpuQuotaUs: cpuquota } : {}),
    ...(cpusetcpus ? { cpusetCpus: cpusetcpus } : {}),
    ...(cpusetmems ? { cpusetMems: cpusetmems } : {}),
  }
}

function networkMode(asked: string | undefined): string {
  if (asked === undefined || asked === 'default' || asked === 'bridge') return 'bridge'
  if (asked === 'host' || asked === 'none' || asked.startsWith('container:')) return asked
  throw new GantryError('unsupported', `a build cannot be in network ${asked}`, {
    field: 'networkmode',
    remedy: 'use the default network, none, host or container:NAME',
  })
}

function json<T>(name: string, schema: z.ZodType<T>, value: string | undefined): T | undefined {
  if (value === undefined || value === 'null') return undefined
  try {
    return schema.parse(JSON.parse(value))
  } catch (cause) {
    throw new GantryError('invalid_input', `parameter ${name} cannot be read`, { field: name }, { cause })
  }
}
