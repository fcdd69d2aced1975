import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestInstance } from '../testing/test-instance.ts'

/** What the stock client makes of the routes that carry files: cp, export, commit and build. */
let instance: TestInstance
const folder = mkdtempSync(join(tmpdir(), 'gantry-docker-files-'))
beforeAll(async () => {
  instance = await TestInstance.start()
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await instance[Symbol.asyncDispose]()
})

const socketPath = () => join(instance.runDir, 'docker.sock')

async function docker(args: string[], input?: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const environment = { DOCKER_HOST: `unix://${socketPath()}`, DOCKER_CONFIG: join(folder, 'config'), DOCKER_BUILDKIT: '0' }
  const child = spawn('docker', args, { env: { ...process.env, ...environment }, cwd: folder })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, stdout, stderr }
}

async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await docker(args)
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${status}: ${stderr}`)
  return stdout
}

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
}

async function api(method: string, path: string, body?: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const request = httpRequest({ socketPath: socketPath(), method, path, headers })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, text }
}

async function container(name: string, image = 'busybox', command: string[] = ['sleep', '1000']): Promise<void> {
  await instance.change('container.create', { projectId: 'default', start: true, spec: { name, image, command } })
}

const image = async (reference: string) => (await instance.query('image.inspect', { projectId: 'default', image: reference })).data

describe('docker cp', () => {
  it('carries files and folders both ways, follows links only when asked, and names what is missing', async () => {
    await container('cp')
    mkdirSync(join(folder, 'tree/sub'), { recursive: true })
    writeFileSync(join(folder, 'tree/sub/file'), 'hello', { mode: 0o640 })
    symlinkSync('sub/file', join(folder, 'tree/link'))
    await ok('cp', 'tree', 'cp:/tmp/')
    await ok('cp', 'tree', 'cp:/tmp/renamed')
    await ok('cp', 'tree/.', 'cp:/opt')
    await ok('cp', 'tree/sub/file', 'cp:/tmp/one')
    await ok('cp', 'cp:/tmp/tree', 'back')
    expect(readFileSync(join(folder, 'back/sub/file'), 'utf8')).toBe('hello')
    expect(statSync(join(folder, 'back/sub/file')).mode & 0o777).toBe(0o640)
    expect(readlinkSync(join(folder, 'back/link'))).toBe('sub/file')
    await ok('cp', 'cp:/tmp/renamed/link', 'as-link')
    expect(readlinkSync(join(folder, 'as-link'))).toBe('sub/file')
    await ok('cp', '-L', 'cp:/tmp/renamed/link', 'followed')
    expect(readFileSync(join(folder, 'followed'), 'utf8')).toBe('hello')
    expect(readFileSync(join(folder, 'back/sub/file'), 'utf8')).toBe('hello')
    expect((await docker(['cp', 'cp:/tmp/one', '-'])).stdout).toContain('hello')
    const missing = await docker(['cp', 'cp:/no/such', '.'])
    expect([missing.status, missing.stderr]).toEqual([1, 'Error response from daemon: Could not find the file /no/such in container cp\n'])
    expect((await docker(['cp', 'tree', 'cp:/etc/passwd'])).stderr).toMatch(/cannot copy directory/)
    expect((await docker(['cp', 'tree', 'nobody:/'])).stderr).toMatch(/no such container/i)
  })

  it('the raw routes: the header of a file, a missing path, a tar of one’s own', async () => {
    const head = await api('HEAD', '/v1.43/containers/cp/archive?path=/etc/passwd')
    const stat = JSON.parse(Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString())
    expect(stat).toMatchObject({ name: 'passwd', mode: 0o644, linkTarget: '' })
    expect(await api('GET', '/containers/cp/archive?path=/no')).toMatchObject({
      status: 404,
      text: '{"message":"Could not find the file /no in container cp"}\n',
    })
    expect((await api('GET', '/containers/cp/archive')).status).toBe(400)
    const refused = await api('PUT', '/containers/cp/archive?path=/tmp', Buffer.alloc(4096, 'x'), { 'content-type': 'text/plain' })
    expect(refused.status).toBe(400)
  })
})

it('docker export gives the file system, docker commit an image of it', async () => {
  await ok('export', '-o', 'all.tar', 'cp')
  const tar = readFileSync(join(folder, 'all.tar'))
  expect([tar.includes('bin/busybox'), tar.includes('tmp/renamed/sub/file')]).toEqual([true, true])
  const id = (await ok('commit', '-a', 'me', '-m', 'words', '-c', 'CMD ["cat", "/tmp/one"]', '-c', 'ENV X=1', 'cp', 'made:1')).trim()
  expect(await image('made:1')).toMatchObject({ id, config: { command: ['cat', '/tmp/one'] }, history: [{ comment: 'words' }, {}] })
  expect((await docker(['commit', '-c', 'RUN true', 'cp'])).stderr).toContain('RUN is not a valid change command')
})

describe('docker build', () => {
  const context = join(folder, 'context')
  const write = (name: string, text: string) => writeFileSync(join(context, name), text)
  beforeAll(() => {
    mkdirSync(join(context, 'src'), { recursive: true })
    write('src/a.txt', 'a')
    write('src/skip.log', 'no')
    write('.dockerignore', '*.log\n**/*.log\n')
  })

  it('several names, arguments, labels, targets; again from the cache; quiet', async () => {
    write(
      'Dockerfile',
      'ARG TAG=latest\nFROM busybox:$TAG AS base\nARG WHO=nobody\nRUN echo $WHO > /who\nCOPY src /src/\nFROM base\nCMD ["ls", "/src"]\n',
    )
    const args = ['-t', 'one:1', '-t', 'two:2', '--build-arg', 'WHO=me', '--label', 'l=1', 'context']
    const first = await ok('build', ...args)
    expect(first).toMatch(/Step 1\/8 : ARG TAG=latest\nStep 2\/8 : FROM busybox:\$TAG AS base\n ---> /m)
    expect(first).toMatch(/ ---> Running in [0-9a-f]{12}\nRemoving intermediate container [0-9a-f]{12}\n ---> [0-9a-f]{12}\n/)
    expect(first).toMatch(/Successfully built [0-9a-f]{12}\nSuccessfully tagged one:1\nSuccessfully tagged two:2\n$/)
    const again = await ok('build', ...args)
    expect(again.split('Using cache')).toHaveLength(6)
    const { id } = await image('one:1')
    expect(await ok('build', '-q', ...args)).toBe(`${id}\n`)
    expect(await image('two:2')).toMatchObject({ id, labels: { l: '1' } })
    await ok('build', '--target', 'base', '-t', 'base:1', 'context')
    expect((await image('base:1')).config.command).toEqual(['sh'])
  })

  it('a Dockerfile from elsewhere or from standard input, and a failing step with its own exit code', async () => {
    writeFileSync(join(folder, 'Other'), 'FROM busybox\nCOPY src/a.txt /\n')
    await ok('build', '-f', 'Other', '-t', 'other:1', 'context')
    expect((await docker(['build', '-t', 'stdin:1', '-'], 'FROM busybox\nRUN echo piped > /p\n')).status).toBe(0)
    const failed = await docker(['build', '-'], 'FROM busybox\nRUN echo out; exit 42\n')
    expect([failed.status, failed.stderr]).toEqual([
      42,
      expect.stringContaining("The command '/bin/sh -c echo out; exit 42' returned a non-zero code: 42"),
    ])
    const quiet = await docker(['build', '-q', '-'], 'FROM busybox\nRUN echo why; exit 3\n')
    expect([quiet.status, quiet.stdout + quiet.stderr]).toEqual([3, expect.stringContaining('why')])
    expect((await docker(['build', '-'], 'FROM busybox\nNONSENSE\n')).stderr).toContain('unknown instruction: NONSENSE')
  })

  it('limits and hosts reach the steps; what cannot be had is refused', async () => {
    write('limits', 'FROM busybox\nRUN cat /etc/hosts; ulimit -n; ls /sys/class/net\n')
    const limits = ['--memory', '64m', '--add-host', 'thing:1.2.3.4', '--shm-size', '8m', '--ulimit', 'nofile=77:77', '--network', 'none']
    const output = await ok('build', '--no-cache', ...limits, '-f', 'context/limits', 'context')
    expect(output).toMatch(/1\.2\.3\.4\s+thing/)
    expect(output).toContain('\n77\n')
    expect(output).not.toContain('eth0')
    await ok('network', 'create', 'own')
    expect(await ok('build', '--no-cache', '--network', 'own', '-f', 'context/limits', 'context')).toContain('eth0')
    await ok('network', 'rm', 'own')
  })

  it('answers in Docker’s words for what its builder cannot do, and fetches a context itself', async () => {
    expect((await api('POST', '/build?squash=1')).text).toContain('squash is only supported with experimental mode')
    expect((await docker(['build', '--isolation', 'hyperv', 'context'])).stderr).toContain('Unsupported isolation: "hyperv"')
    expect((await docker(['build', '--security-opt', 'label=x', 'context'])).stderr).toContain('does not support setting security options')
    expect((await docker(['build', '--no-cache', '--network', 'nosuch', '-f', 'context/limits', 'context'])).stderr).toMatch(
      /network:? nosuch/,
    )
    expect(await api('POST', '/build?remote=https://example.org/x.git')).toMatchObject({ status: 501 })
    expect((await api('POST', '/build?remote=nowhere')).text).toContain('remoteURL (nowhere) could not be recognized as URL')
    const text = 'FROM busybox\nRUN echo from afar\n'
    const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(text)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const built = await api('POST', `/build?remote=${encodeURIComponent(`http://127.0.0.1:${port}/Dockerfile`)}`)
    server.close()
    expect(built.text).toMatch(/from afar[\s\S]*Successfully built/)
    expect((await api('POST', '/build/cancel?id=none')).status).toBe(404)
  })

  it('the cache is accounted for, and can be emptied', async () => {
    const all = JSON.parse((await api('GET', '/v1.43/system/df')).text)
    expect(all.BuildCache[0]).toMatchObject({ Type: 'regular', InUse: false, UsageCount: expect.any(Number), Parents: expect.any(Array) })
    const old = JSON.parse((await api('GET', '/v1.41/system/df')).text)
    const bytes = old.BuildCache.reduce((sum: number, { Size }: { Size: number }) => sum + Size, 0)
    expect([old.BuilderSize, bytes]).toEqual([bytes, expect.any(Number)])
    expect(await ok('system', 'df', '-v')).toMatch(/Build cache usage: \S+B\n\nCACHE ID +CACHE TYPE +SIZE[^\n]*\n[0-9a-f]{12} +regular/)
    expect(await ok('builder', 'prune', '-f', '--filter', 'until=24h')).toMatch(/Total( reclaimed space)?:\s+0B/)
    expect(await ok('builder', 'prune', '-f', '--keep-storage', '10gb')).toMatch(/Total( reclaimed space)?:\s+0B/)
    expect(await ok('builder', 'prune', '-af')).toMatch(/Total( reclaimed space)?:\s+\S+B/)
    expect((await ok('build', '--target', 'base', 'context')).includes('Using cache')).toBe(false)
  })
})
