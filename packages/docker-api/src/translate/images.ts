import type { Distribution, ImageInspect, ImageSummary } from '@gantry/contracts'

const seconds = (time: string) => Math.floor(Date.parse(time || '1970-01-01T00:00:00Z') / 1000)
const orNull = (labels: Record<string, string>) => (Object.keys(labels).length > 0 ? labels : null)

/** `counted`: sizes that are shared, and containers, were asked for. */
export function toListItem(image: ImageSummary, { version, counted }: { version: number; counted: boolean }): object {
  const nameless = version < 43 && image.tags.length + image.repoDigests.length === 0
  return {
    Id: image.id,
    ParentId: '',
    RepoTags: nameless ? ['<none>:<none>'] : image.tags,
    RepoDigests: nameless ? ['<none>@<none>'] : image.repoDigests,
    Created: seconds(image.createdAt),
    Size: image.sizeBytes,
    SharedSize: counted ? image.sharedBytes : -1,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
    Labels: orNull(image.labels),
    Containers: counted ? image.containers : -1,
  }
}

/** What a config of a container has and an image's has not; gone from 1.50 on. */
const containerFields = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
}

/** Docker's own fields come first, as they are never absent there; what else the image has stays. */
function toConfig(image: ImageInspect, version: number): object {
  const { config, rawConfig } = image
  const known = {
    User: config.user,
    Env: config.env,
    Cmd: config.command.length > 0 ? config.command : null,
    Volumes: config.volumes.length > 0 ? Object.fromEntries(config.volumes.map((volume) => [volume, {}])) : null,
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint.length > 0 ? config.entrypoint : null,
    OnBuild: null,
    Labels: orNull(config.labels),
  }
  return { ...(version < 50 ? containerFields : {}), ...known, ...withoutEmpty(rawConfig) }
}

const withoutEmpty = (raw: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null && value !== undefined))

export function toImageInspect(image: ImageInspect, version: number): object {
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: image.repoDigests,
    Parent: '',
    Comment: image.comment,
    Created: image.createdAt || '0001-01-01T00:00:00Z',
    ...(version < 44 ? { Container: '' } : {}),
    ...(version < 45 ? { ContainerConfig: { ...containerFields, Cmd: null, Env: null, Labels: null } } : {}),
    DockerVersion: '',
    Author: image.author,
    Config: toConfig(image, version),
    Architecture: image.architecture,
    ...(image.variant ? { Variant: image.variant } : {}),
    Os: image.os,
    Size: image.sizeBytes,
    ...(version < 44 ? { VirtualSize: image.sizeBytes } : {}),
    GraphDriver: { Name: image.storage.driver, Data: toGraphData(image) },
    RootFS: { Type: 'layers', Layers: image.layers },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
  }
}

function toGraphData({ storage: { driver, folders } }: ImageInspect): Record<string, string> | null {
  const [upper = '', ...lower] = folders
  if (driver !== 'overlay2') return null
  return { ...(lower.length > 0 ? { LowerDir: lower.join(':') } : {}), UpperDir: upper }
}

/** Newest first; only the newest step is an image of its own here. */
export function toHistory(image: ImageInspect): object[] {
  return image.history.map((step, index) => ({
    Id: index === 0 ? image.id : '<missing>',
    Created: seconds(step.createdAt),
    CreatedBy: step.createdBy,
    Tags: index === 0 && image.tags.length > 0 ? image.tags : null,
    Size: step.sizeBytes,
    Comment: step.comment,
  }))
}

export function toDistribution({ mediaType, digest, size, platforms }: Distribution): object {
  return { Descriptor: { mediaType, digest, size }, Platforms: platforms }
}

/** What a removal did, one object per thing, as Docker tells it. */
export function toRemoved({ untagged, deleted }: { untagged: readonly string[]; deleted: readonly string[] }): object[] {
  return [...untagged.map((Untagged) => ({ Untagged })), ...deleted.map((Deleted) => ({ Deleted }))]
}
