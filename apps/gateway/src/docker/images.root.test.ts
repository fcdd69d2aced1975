import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestInstance, end } from '../testing/test-instance.ts'

/** bcrypt of `secret` */
const htpasswd = 'joe:$2b$05$7BbutpiqG.gPPcxlrz5xU.pxQCOiDEckHuhZElxTGaBT3ni87.75a\n'
const folder = mkdtempSync('/var/tmp/gantry-test-docker-images-')
let instance: TestInstance
let open: Registry
let closed: Registry

interface Registry {
  readonly address: string
  readonly process: ChildProcess
}

beforeAll(async () => {
  writeFileSync(join(folder, 'htpasswd'), htpasswd)
  ;[instance, open, closed] = await Promise.all([
    TestInstance.start(),
    startRegistry('open', ''),
    startRegistry('closed', `auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}\n`),
  ])
})
afterAll(async () => {
  await instance[Symbol.asyncDispose]()
  for (const registry of [open, closed]) await end(registry.process, 'SIGTERM')
  rmSync(folder, { recursive: true })
})

/** Debian's docker-registry on a port of its own. */
async function startRegistry(name: string, more: string): Promise<Registry> {
  const config = join(folder, `${name}.yml`)
  const storage = `storage: {filesystem: {rootdirectory: ${folder}/${name}}, delete: {enabled: true}}`
  writeFileSync(config, `version: 0.1\n${storage}\nhttp: {addr: "127.0.0.1:0"}\nlog: {level: info}\n${more}`)
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  await once(child, 'spawn')
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1]
    if (!address) continue
    child.stderr.resume()
    return { address, process: child }
  }
  throw new Error('docker-registry ended before it listened')
}

interface Outcome {
  code: number
  out: string
  err: string
}

function command(program: string, args: readonly string[], input?: string): Promise<Outcome> {
  const environment = { ...process.env, DOCKER_HOST: `unix://${instance.runDir}/docker.sock`, DOCKER_CONFIG: join(folder, 'config') }
  return new Promise((resolve) => {
    const child = execFile(program, args, { env: environment }, (error, out, err) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out, err })
    })
    child.stdin?.end(input)
  })
}

/** The stock client; what must succeed gives its output. */
async function docker(...args: string[]): Promise<string> {
  const { code, out, err } = await command('docker', args)
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${err}`)
  return out
}
async function refused(...args: string[]): Promise<string> {
  const { code, err } = await command('docker', args)
  expect(code).toBe(1)
  return err
}
const ids = async (...args: string[]) => (await docker('images', '-q', '--no-trunc', ...args)).split('\n').filter((line) => line !== '')

it('pushes, pulls, tags, lists and removes by the rules that people know', async () => {
  const one = `${open.address}/lib/bb:1`
  await docker('tag', 'busybox', one)
  await docker('tag', one, `${open.address}/lib/bb:2`)
  const pushed = await docker('push', '-a', `${open.address}/lib/bb`)
  expect(pushed).toContain(`The push refers to repository [${open.address}/lib/bb]`)
  expect(pushed).toMatch(/\n1: digest: sha256:[0-9a-f]{64} size: \d+\n/)
  expect(pushed).toContain('Layer already exists')
  expect(await docker('images', '--filter', `reference=${open.address}/*/*:2`, '--format', '{{.Tag}}')).toBe('2\n')
  const removed = await docker('rmi', one)
  expect(removed).toBe(`Untagged: ${one}\n`)
  const last = await docker('rmi', `${open.address}/lib/bb:2`)
  expect(last).toMatch(/^Untagged: .*:2\nUntagged: .*@sha256:.*\nDeleted: sha256:/)
  const pulled = await docker('pull', one)
  expect(pulled).toMatch(/^1: Pulling from lib\/bb\n/)
  expect(pulled).toMatch(/Digest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for .*bb:1\n/)
  expect(await docker('pull', one)).toContain(`Status: Image is up to date for ${one}`)
  await docker('pull', '-a', `${open.address}/lib/bb`)
  expect((await docker('images', '--format', '{{.Tag}}', `${open.address}/lib/bb`)).split('\n').sort()).toEqual(['', '1', '2'])
  const [digest = ''] = JSON.parse(await docker('image', 'inspect', '-f', '{{json .RepoDigests}}', one)) as string[]
  expect(await refused('rmi', (await ids(one))[0] ?? '')).toContain('image is referenced in multiple repositories')
  await docker('rmi', one, `${open.address}/lib/bb:2`)
  await docker('pull', '-q', digest)
  expect(await docker('image', 'inspect', '-f', '{{.RepoTags}} {{.RepoDigests}}', digest)).toBe(`[] [${digest}]\n`)
  await docker('rmi', digest)
  expect(await refused('pull', `${open.address}/lib/bb:nope`)).toContain(
    `manifest for ${open.address}/lib/bb:nope not found: manifest unknown`,
  )
  expect(await refused('image', 'inspect', 'nothing:1')).toContain('No such image: nothing:1')
})

it('signs in to a registry and sends the credentials that the client keeps', async () => {
  const image = `${closed.address}/priv:1`
  await docker('tag', 'busybox', image)
  expect(await refused('push', image)).toContain('denied')
  expect((await command('docker', ['login', '-u', 'joe', '--password-stdin', closed.address], 'wrong')).err).toContain('401 Unauthorized')
  const login = await command('docker', ['login', '-u', 'joe', '--password-stdin', closed.address], 'secret')
  expect(login.out).toContain('Login Succeeded')
  await docker('push', image)
  await docker('rmi', image)
  expect(await docker('pull', '-q', image)).toBe(`${image}\n`)
  await docker('rmi', image)
  await docker('logout', closed.address)
  expect(await refused('pull', image)).toContain(
    `pull access denied for ${closed.address}/priv, repository does not exist or may require 'docker login'`,
  )
})

/** An image of one file in docker's own format. */
async function archiveOf(name: string, content: string): Promise<string> {
  const place = mkdtempSync(join(folder, 'made-'))
  writeFileSync(join(place, 'file'), content)
  const tar = (...args: string[]) => command('tar', ['-C', place, ...args])
  await tar('-cf', `${place}/layer.tar`, 'file')
  const { out } = await command('sha256sum', [`${place}/layer.tar`])
  const config = {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    author: 'ann',
    config: { Cmd: ['x'], Labels: { kept: 'yes' } },
  }
  writeFileSync(
    join(place, 'config.json'),
    JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: [`sha256:${out.slice(0, 64)}`] } }),
  )
  writeFileSync(join(place, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]))
  await tar('-cf', `${place}/image.tar`, 'manifest.json', 'config.json', 'layer.tar')
  return join(place, 'image.tar')
}

it('leaves an image without its name when the name moves, and prunes it', async () => {
  expect(await docker('load', '-i', await archiveOf('moved:1', 'first'))).toBe('Loaded image: moved:1\n')
  const [first] = await ids('moved:1')
  expect(await docker('image', 'inspect', '-f', '{{.Author}} {{.Config.Labels.kept}}', 'moved:1')).toBe('ann yes\n')
  expect(await ids('-f', 'dangling=true')).toEqual([])
  await docker('load', '-i', await archiveOf('moved:1', 'second'))
  expect(await ids('moved:1')).not.toEqual([first])
  expect(await ids('-f', 'dangling=true')).toEqual([first])
  expect(await docker('image', 'prune', '-f', '--filter', 'label=other')).toContain('Total reclaimed space: 0B')
  expect(await docker('image', 'prune', '-f', '--filter', 'until=24h', '--filter', 'label=kept=yes')).toContain(`deleted: ${first}`)
  expect(await docker('rmi', 'moved:1')).toMatch(/^Untagged: moved:1\nDeleted: sha256:/)
})

it('saves several images with their names, for skopeo too, and takes what skopeo makes', async () => {
  const archive = join(folder, 'two.tar')
  await docker('tag', 'busybox', 'a/one:1')
  await docker('tag', 'busybox', 'a/two:2')
  await docker('save', '-o', archive, 'a/one:1', 'a/two:2')
  const to = async (...args: string[]) => expect(await command('skopeo', ['copy', '-q', ...args])).toMatchObject({ code: 0 })
  await to('--dest-tls-verify=false', `docker-archive:${archive}:a/one:1`, `docker://${open.address}/saved:1`)
  await docker('rmi', 'a/one:1', 'a/two:2')
  expect((await docker('load', '-i', archive)).split('\n').sort()).toEqual(['', 'Loaded image: a/one:1', 'Loaded image: a/two:2'])
  await docker('rmi', 'a/one:1', 'a/two:2')
  await docker('pull', `${open.address}/saved:1`)
  expect(await docker('image', 'inspect', '-f', '{{.Config.Cmd}}', `${open.address}/saved:1`)).toBe('[sh]\n')
  for (const [format, options] of [
    ['oci', []],
    ['oci', ['--dest-compress-format', 'zstd', '--dest-compress']],
    ['v2s2', []],
  ] as const) {
    const name = `${open.address}/by-skopeo:${format}${options.length}`
    await to(
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      '-f',
      format,
      ...options,
      `docker://${open.address}/saved:1`,
      `docker://${name}`,
    )
    await docker('pull', '-q', name)
    await docker('rmi', name)
  }
  await to('--src-tls-verify=false', `docker://${open.address}/saved:1`, `oci-archive:${archive}.oci:kept:3`)
  expect(await docker('load', '-i', `${archive}.oci`)).toContain('Loaded image')
  await docker('image', 'prune', '-af')
})

it('counts what everything takes', async () => {
  await docker('tag', 'busybox', 'counted:1')
  const usage = (await docker('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Size}}')).split('\n')
  expect(usage[0]).toMatch(/^Images [12] 1\.\d+MB$/)
  expect(usage.slice(1, 4)).toEqual(['Containers 0 0B', 'Local Volumes 0 0B', 'Build Cache 0 0B'])
  expect(await docker('system', 'df', '-v')).toMatch(/busybox +latest +[0-9a-f]{12} .* 1\.\d+MB +0\n/)
  await docker('rmi', 'counted:1')
})

it('pulls and saves images of another machine’s platform, out of a list of several', async () => {
  const [here, elsewhere] = process.arch === 'arm64' ? ['arm64', 'amd64'] : ['amd64', 'arm64']
  const name = (tag: string) => `${open.address}/lib/many:${tag}`
  writeFileSync(join(folder, 'only-file'), elsewhere)
  await command('tar', ['-C', folder, '-cf', join(folder, 'foreign.tar'), 'only-file'])
  await docker('import', '--platform', `linux/${elsewhere}`, join(folder, 'foreign.tar'), name('foreign'))
  await docker('tag', 'busybox', name('native'))
  for (const tag of ['foreign', 'native']) {
    await docker('push', name(tag))
    await docker('rmi', name(tag))
  }
  await docker('manifest', 'create', '--insecure', name('all'), name('foreign'), name('native'))
  await docker('manifest', 'push', '--insecure', name('all'))

  const platformOf = (image: string) => docker('image', 'inspect', '-f', '{{.Os}}/{{.Architecture}}', image)
  await docker('pull', name('all'))
  expect(await platformOf(name('all'))).toBe(`linux/${here}\n`)
  await docker('pull', '--platform', `linux/${elsewhere}`, name('all'))
  expect(await platformOf(name('all'))).toBe(`linux/${elsewhere}\n`)
  expect(await refused('pull', '--platform', 'linux/s390x', name('all'))).toContain('no matching manifest for')

  const saved = join(folder, 'foreign-saved.tar')
  expect(await refused('save', '--platform', `linux/${here}`, '-o', saved, name('all'))).toContain(
    `its platform (linux/${elsewhere}) does not match the specified platform (linux/${here})`,
  )
  await docker('save', '--platform', `linux/${elsewhere}`, '-o', saved, name('all'))
  const copied = await command('skopeo', ['inspect', '--config', `docker-archive:${saved}`])
  expect(JSON.parse(copied.out)).toMatchObject({ os: 'linux', architecture: elsewhere })
  await docker('rmi', name('all'))
  expect(await refused('load', '--platform', `linux/${elsewhere}`, '-i', saved)).toContain('cannot be chosen from an archive')
  await docker('load', '-i', saved)
  expect(await platformOf(name('all'))).toBe(`linux/${elsewhere}\n`)
  await docker('rmi', name('all'))
})
