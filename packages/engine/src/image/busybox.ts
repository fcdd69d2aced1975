import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { GantryError, SYSTEM_PROJECT } from '@gantry/contracts'
import { type Header, pack } from 'tar-stream'
import { busyboxApplets } from '../kernel/unpack.ts'
import { defaultLimits, type ImageContext } from './context.ts'
import { hostPlatform, type Manifest, mediaTypes } from './manifest.ts'
import { parseReference } from './reference.ts'
import { storeImage } from './store-image.ts'

const programs = ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox']
const name = 'docker.io/library/busybox:latest'

/**
 * Makes `busybox:latest` of the system project from the host's static busybox, without network: one layer with the program, a hard
 * link for each of its commands, and the few files that a user land expects. Does nothing when the image is there and the program has
 * not changed. Throws `unavailable` when the host has no busybox.
 */
export async function ensureBusybox(context: ImageContext): Promise<void> {
  const program = programs.find((path) => existsSync(path))
  const known = context.records.project(SYSTEM_PROJECT).tags[name]
  if (!program) {
    if (known) return
    throw new GantryError('unavailable', 'the built-in busybox image cannot be made: no busybox program on this machine', {
      remedy: 'apt-get install busybox-static',
    })
  }
  const stats = await stat(program)
  const label = `${program} ${stats.size} ${Math.floor(stats.mtimeMs)} recipe ${recipe}`
  if (
    known &&
    context.records.image(known)?.layers.every((layer) => context.layers.get(layer.chainId)) &&
    (await builtFrom(context, known)) === label
  ) {
    return
  }
  const lease = context.leases.take()
  try {
    const tar = await layerTar(program, stats.mtime)
    const layer = await context.content.write(tar)
    const config = await context.content.write(configDocument({ diffId: layer, label, created: stats.mtime }))
    lease.add(layer, config)
    const manifest = manifestDocument({ config, configBytes: context.content.size(config), layer, layerBytes: tar.length })
    const manifestDigest = await context.content.write(Buffer.from(JSON.stringify(manifest)))
    lease.add(manifestDigest)
    await storeImage(context, {
      projectId: SYSTEM_PROJECT,
      manifest,
      manifestDigest,
      layerReady: async () => undefined,
      references: [parseReference(name)],
      limits: defaultLimits,
    })
  } finally {
    lease.release()
  }
}

/** Rises when this file makes something else of the same program. */
const recipe = 2
const sourceLabel = 'gantry.busybox.source'

async function builtFrom(context: ImageContext, id: string): Promise<string | undefined> {
  if (!context.content.has(id)) return undefined
  const config = JSON.parse((await context.content.read(id)).toString('utf8')) as { config?: { Labels?: Record<string, string> } }
  return config.config?.Labels?.[sourceLabel]
}

const folders: [path: string, mode: number][] = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['home', 0o755],
  ['proc', 0o555],
  ['root', 0o700],
  ['run', 0o755],
  ['sbin', 0o755],
  ['sys', 0o555],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['usr/bin', 0o755],
  ['usr/sbin', 0o755],
  ['var', 0o755],
  ['var/spool', 0o755],
  ['var/spool/mail', 0o755],
  ['var/tmp', 0o1777],
]
const files: Record<string, string> = {
  'etc/passwd': [
    'root:x:0:0:root:/root:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
    'bin:x:2:2:bin:/bin:/bin/false',
    'www-data:x:33:33:www-data:/var/www:/bin/false',
    'nobody:x:65534:65534:nobody:/home:/bin/false',
    '',
  ].join('\n'),
  'etc/group': [
    'root:x:0:',
    'daemon:x:1:',
    'bin:x:2:',
    'tty:x:5:',
    'mail:x:8:',
    'www-data:x:33:',
    'users:x:100:',
    'nobody:x:65534:',
    '',
  ].join('\n'),
  'etc/shadow': 'root:*::0:::::\ndaemon:*::0:::::\nnobody:*::0:::::\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'etc/profile': "export PS1='\\w \\$ '\n",
}
const shadowMode = 0o640

/** The same program gives the same bytes, hence the same image id on every machine. */
async function layerTar(program: string, mtime: Date): Promise<Buffer> {
  const tar = pack()
  const chunks: Buffer[] = []
  const collected = (async () => {
    for await (const chunk of tar) chunks.push(chunk as Buffer)
  })()
  const add = (header: Partial<Header> & { name: string }, content?: Buffer | string) =>
    new Promise<void>((resolve, reject) => {
      tar.entry({ uid: 0, gid: 0, mtime, ...header }, content ?? '', (error) => (error ? reject(error) : resolve()))
    })
  for (const [path, mode] of folders) await add({ name: `${path}/`, mode, type: 'directory' })
  for (const [path, content] of Object.entries(files)) await add({ name: path, mode: path === 'etc/shadow' ? shadowMode : 0o644 }, content)
  await add({ name: 'bin/busybox', mode: 0o755 }, await readFile(program))
  for (const path of await appletPaths(program)) await add({ name: path, type: 'link', linkname: 'bin/busybox', mode: 0o755 })
  tar.finalize()
  await collected
  return Buffer.concat(chunks)
}

/** Commands belong where busybox itself would install them, if that is one of our folders. */
async function appletPaths(program: string): Promise<string[]> {
  const known = new Set(['bin', 'sbin', 'usr/bin', 'usr/sbin'])
  const paths = (await busyboxApplets(program)).map((path) =>
    known.has(path.slice(0, path.lastIndexOf('/'))) ? path : `bin/${path.split('/').at(-1)}`,
  )
  return [...new Set(paths)].filter((path) => path !== 'bin/busybox').sort()
}

function configDocument(options: { diffId: string; label: string; created: Date }): Buffer {
  const created = options.created.toISOString()
  return Buffer.from(
    JSON.stringify({
      architecture: hostPlatform.architecture,
      os: 'linux',
      created,
      config: {
        Cmd: ['sh'],
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Labels: { [sourceLabel]: options.label },
      },
      rootfs: { type: 'layers', diff_ids: [options.diffId] },
      history: [{ created, created_by: 'built from the host’s busybox program' }],
    }),
  )
}

function manifestDocument(options: { config: string; configBytes: number; layer: string; layerBytes: number }): Manifest {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: options.config, size: options.configBytes },
    layers: [{ mediaType: mediaTypes.ociLayer, digest: options.layer, size: options.layerBytes }],
  }
}
