import { buildFields, GantryError, type InputOf } from '@gantry/contracts'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
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
    ...(query.remote === undefined ? {} : { remote: remote(query.remote) }),
    ...network(query.networkmode),
    ulimits: (json('ulimits', ulimitList, query.ulimits) ?? []).map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
    resources: resources(query),
    ...(query.shmsize ? { shmSizeBytes: query.shmsize } : {}),
    ...(query.cgroupparent ? { cgroupParent: query.cgroupparent } : {}),
  }
  const parsed = buildSchema.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new GantryError('invalid_input', `${issue?.path.join('.')}: ${issue?.message}`, { field: issue?.path.join('.') })
}

/** Docker's words where it has some: clients that ask for BuildKit's options fall back by them. */
function refuse(query: Query): void {
  const { version, outputs, squash, isolation, securityopt } = query
  const no = (what: string, remedy: string) => {
    throw new GantryError('unsupported', what, { remedy })
  }
  if (version === '2') no('BuildKit is not supported', 'build with DOCKER_BUILDKIT=0')
  if (outputs && outputs !== '[]') no('outputs of a build need BuildKit', 'build an image, and copy from a container of it')
  if (squash) throw new DockerError(400, 'squash is only supported with experimental mode')
  if (isolation && isolation.toLowerCase() !== 'default') throw new DockerError(400, `Unsupported isolation: ${JSON.stringify(isolation)}`)
  if (securityopt && securityopt !== 'null' && securityopt !== '[]') {
    throw new DockerError(400, 'The daemon on this platform does not support setting security options on build')
  }
}

function remote(address: string): string {
  if (address === 'client-session')
    throw new GantryError('unsupported', 'BuildKit is not supported', { remedy: 'build with DOCKER_BUILDKIT=0' })
  if (/^(git:\/\/|git@|github\.com\/)/.test(address) || /^https?:\/\/.*\.git(#.+)?$/.test(address)) {
    throw new GantryError('unsupported', `git is not used by the engine: ${address} cannot be cloned`, {
      field: 'remote',
      value: address,
      remedy: 'use docker build, which clones it itself, or send the context as a tar',
    })
  }
  if (!/^https?:\/\//.test(address)) throw new DockerError(400, `remoteURL (${address}) could not be recognized as URL`)
  return address
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

function network(asked: string | undefined): Pick<Build, 'networkMode' | 'endpoints'> {
  if (asked === undefined || asked === 'default' || asked === 'bridge') return { networkMode: 'bridge' }
  if (asked === 'host' || asked === 'none' || asked.startsWith('container:')) return { networkMode: asked }
  return { networkMode: 'bridge', endpoints: [{ network: asked }] }
}

function json<T>(name: string, schema: z.ZodType<T>, value: string | undefined): T | undefined {
  if (value === undefined || value === 'null') return undefined
  try {
    return schema.parse(JSON.parse(value))
  } catch (cause) {
    throw new GantryError('invalid_input', `parameter ${name} cannot be read`, { field: name }, { cause })
  }
}
