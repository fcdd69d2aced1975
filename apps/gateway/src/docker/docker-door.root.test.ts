import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestInstance } from '../testing/test-instance.ts'

let instance: TestInstance
beforeAll(async () => {
  instance = await TestInstance.start()
})
afterAll(() => instance[Symbol.asyncDispose]())

const socketPath = () => join(instance.runDir, 'docker.sock')

interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

/** The stock client; `token`: as its configuration file would send it. */
async function docker(args: string[], { input, token = '' }: { input?: string; token?: string } = {}): Promise<Outcome> {
  const config = join(instance.dataDir, `docker-config-${token.slice(-8)}`)
  mkdirSync(config, { recursive: true })
  writeFileSync(join(config, 'config.json'), JSON.stringify(token ? { HttpHeaders: { 'X-Gantry-Token': token } } : {}))
  const child = spawn('docker', args, { env: { ...process.env, DOCKER_HOST: `unix://${socketPath()}`, DOCKER_CONFIG: config } })
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
const ok = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await docker(args)
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${status}: ${stderr}`)
  return stdout.trim()
}

interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
  body: any
}

/** One request by hand, as clients in other languages send it. */
async function api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const content = body === undefined ? undefined : JSON.stringify(body)
  const request = httpRequest({
    socketPath: socketPath(),
    method,
    path,
    headers: { ...headers, ...(content && { 'content-type': 'application/json' }) },
  })
  request.end(content)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, body: /^[[{]/.test(text) ? JSON.parse(text) : text }
}

describe('the stock client', () => {
  it('runs, with its own exit codes, output apart and input', async () => {
    expect(await docker(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      status: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await docker(['run', '--rm', '-i', 'busybox', 'cat'], { input: 'typed' })).toEqual({ status: 0, stdout: 'typed', stderr: '' })
    expect((await docker(['run', '--rm', 'busybox', 'nosuch'])).status).toBe(127)
    expect((await docker(['run', '--rm', 'busybox', '/etc/passwd'])).status).toBe(126)
    expect(await ok('ps', '-aq')).toBe('')
  })

  it('never misses the end of what is short', async () => {
    const codes = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => (await docker(['run', '--rm', 'busybox', 'sh', '-c', `exit ${index}`])).status),
    )
    expect(codes).toEqual(Array.from({ length: 12 }, (_, index) => index))
  })

  it('goes through the life of a container', async () => {
    const id = await ok(
      'run',
      '-d',
      '--name',
      'web',
      '--label',
      'tier=front',
      '-p',
      '127.0.0.1::80',
      '--memory',
      '64m',
      'busybox',
      'sh',
      '-c',
      'echo ready; exec sleep 1000',
    )
    expect(id).toMatch(/^[0-9a-f]{64}$/)
    expect(
      await ok('ps', '--filter', 'label=tier=front', '--filter', 'name=^web$', '--format', '{{.Names}} {{.Image}} {{.Networks}}'),
    ).toBe('web busybox bridge')
    expect(await ok('port', 'web', '80/tcp')).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(await ok('exec', '-e', 'A=b', '-w', '/tmp', 'web', 'sh', '-c', 'echo $A; pwd')).toBe('b\n/tmp')
    expect((await docker(['exec', 'web', 'sh', '-c', 'exit 5'])).status).toBe(5)
    expect((await docker(['exec', 'web', 'nosuch'])).status).toBe(127)
    expect((await docker(['exec', '-i', 'web', 'cat'], { input: 'through' })).stdout).toBe('through')
    expect(await ok('logs', 'web')).toBe('ready')
    expect(await ok('top', 'web', '-o', 'pid,cmd')).toContain('sleep 1000')
    expect(await ok('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'web')).toBe('web 1')
    await ok('pause', 'web')
    expect(await ok('inspect', '--format', '{{.State.Status}} {{.State.Paused}}', 'web')).toBe('paused true')
    await ok('unpause', 'web')
    await ok('rename', 'web', 'front')
    await ok('update', '--memory', '96m', '--memory-swap', '96m', 'front')
    expect(await ok('inspect', '--format', '{{.Name}} {{.HostConfig.Memory}} {{json .Config.Cmd}}', 'front')).toBe(
      `/front ${96 * 1024 * 1024} ["sh","-c","echo ready; exec sleep 1000"]`,
    )
    expect((await docker(['rm', 'front'])).stderr).toContain('running')
    await ok('kill', 'front')
    expect(await ok('wait', 'front')).toBe('137')
    await ok('rm', 'front')
    expect((await docker(['inspect', 'front'])).stderr).toContain('front')
    const events = await ok('events', '--since', '0.000000001', '--until=-1s', '--filter', `container=${id}`, '--format', '{{.Action}}')
    const words = events.split('\n').filter((word) => !word.startsWith('exec'))
    expect(words).toEqual(['create', 'start', 'top', 'pause', 'unpause', 'rename', 'update', 'kill', 'die', 'destroy'])
  })
})

describe('by hand', () => {
  it('has the shapes that other engines got wrong', async () => {
    const { body: made, status } = await api('POST', '/v1.43/containers/create?name=shapes', {
      Image: 'busybox',
      Cmd: ['sleep', '1000'],
      ExposedPorts: { '81/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '' }] } },
      Healthcheck: { Test: ['CMD', 'true'] },
      Unheard: 'of',
    })
    expect(status).toBe(201)
    expect(made.Warnings).toEqual([])
    expect((await api('POST', `/containers/${made.Id}/start`)).status).toBe(204)
    expect((await api('POST', `/containers/${made.Id}/start`)).status).toBe(304)
    const { body: seen } = await api('GET', '/containers/shapes/json')
    expect(seen.NetworkSettings.Ports['81/tcp']).toBeNull()
    expect(seen.NetworkSettings.Ports['80/tcp']).toMatchObject([
      { HostIp: '0.0.0.0', HostPort: expect.stringMatching(/^\d+$/) },
      { HostIp: '::' },
    ])
    expect(seen.Created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
    expect(seen.State).toMatchObject({ Status: 'running', Running: true, Health: { Status: expect.any(String) } })
    expect(seen.Config).toMatchObject({ Entrypoint: null, Cmd: ['sleep', '1000'], StopSignal: 'SIGTERM' })
    expect(seen.HostConfig.NetworkMode).toBe('bridge')
    const { body: stats } = await api('GET', '/containers/shapes/stats?stream=0')
    expect(stats.precpu_stats.system_cpu_usage).toBeGreaterThan(0)
    expect(stats.cpu_stats.system_cpu_usage).toBeGreaterThan(stats.precpu_stats.system_cpu_usage)
    expect(stats.cpu_stats.online_cpus).toBeGreaterThan(0)
    const { body: top } = await api('GET', '/containers/shapes/top')
    expect(top.Processes[0]).toEqual(expect.arrayContaining(['sleep 1000']))
    expect((await api('POST', '/containers/shapes/stop?t=0')).status).toBe(204)
    expect((await api('POST', '/containers/shapes/stop')).status).toBe(304)
    expect((await api('POST', '/containers/shapes/kill')).status).toBe(409)
    expect((await api('GET', '/containers/shapes/stats?stream=0')).body.cpu_stats.cpu_usage.total_usage).toBe(0)
    expect((await api('DELETE', '/containers/shapes')).status).toBe(204)
    expect(await api('GET', '/containers/shapes/json')).toEqual({ status: 404, body: { message: 'No such container: shapes' } })
    expect(await api('POST', '/containers/create', { Image: 'nosuch:1' })).toMatchObject({
      status: 404,
      body: { message: expect.stringMatching(/^No such image: nosuch:1/) },
    })
  })

  it('sends the head of a wait before its end, and closes an exec when it has ended', async () => {
    const { body: made } = await api('POST', '/containers/create', { Image: 'busybox', Cmd: ['cat'], OpenStdin: true, StdinOnce: true })
    const request = httpRequest({ socketPath: socketPath(), method: 'POST', path: `/containers/${made.Id}/wait?condition=next-exit` })
    request.end()
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(200)
    await api('POST', `/containers/${made.Id}/start`)
    const { body: exec } = await api('POST', `/containers/${made.Id}/exec`, {
      Cmd: ['sh', '-c', 'read line; echo "got $line"; exit 3'],
      AttachStdin: true,
      AttachStdout: true,
    })
    const socket = connect({ path: socketPath(), allowHalfOpen: true })
    socket.write(
      `POST /exec/${exec.Id}/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}typed\n`,
    )
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk)
    const answer = Buffer.concat(chunks)
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/)
    expect(answer.toString()).toContain('multiplexed-stream')
    const frame = Buffer.from([1, 0, 0, 0, 0, 0, 0, 10, ...Buffer.from('got typed\n')])
    expect(answer.subarray(answer.indexOf('\r\n\r\n') + 4)).toEqual(frame)
    expect((await api('GET', `/exec/${exec.Id}/json`)).body).toMatchObject({ Running: false, ExitCode: 3 })
    expect(await api('POST', `/exec/${exec.Id}/start`, {})).toMatchObject({ status: 409 })
    // Nobody is to see anything and nobody said so: it runs by itself.
    const { body: alone } = await api('POST', `/containers/${made.Id}/exec`, { Cmd: ['touch', '/made'] })
    expect((await api('POST', `/exec/${alone.Id}/start`, {})).status).toBe(200)
    await expect.poll(async () => (await api('GET', `/exec/${alone.Id}/json`)).body.ExitCode).toBe(0)
    await api('POST', `/containers/${made.Id}/kill`)
    let text = ''
    for await (const chunk of response) text += chunk
    expect(JSON.parse(text)).toEqual({ StatusCode: 137 })
    await api('DELETE', `/containers/${made.Id}`)
  })
})

describe('tokens', () => {
  it('let clients into their project and nowhere else, as long as they are good', async () => {
    await instance.change('project.create', { id: 'shop', name: 'Shop', limits: { containers: 1 } })
    const { token, created } = await instance.change('project.tokens.create', { projectId: 'shop', name: 'ci', role: 'developer' })
    await ok('run', '-d', '--name', 'mine', 'busybox', 'sleep', '1000')
    const run = await docker(['run', '-d', '--name', 'theirs', 'busybox', 'sleep', '1000'], { token })
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect((await docker(['ps', '--format', '{{.Names}}'], { token })).stdout).toBe('theirs\n')
    expect((await docker(['rm', '-f', 'mine'], { token })).stderr).toContain('No such container: mine')
    expect((await docker(['create', 'busybox'], { token })).stderr).toContain('project limit of 1 containers is reached')
    expect((await docker(['create', '--privileged', 'busybox'], { token })).status).not.toBe(0)
    expect((await docker(['create', '-v', '/:/host', 'busybox'], { token })).status).not.toBe(0)
    const { data: listed } = await instance.query('project.tokens.list', { projectId: 'shop' })
    expect(listed).toMatchObject([{ name: 'ci', role: 'developer', createdBy: 'root@example.org', lastUsedAt: expect.any(String) }])
    expect(JSON.stringify(listed)).not.toContain(token)
    expect(await ok('ps', '--format', '{{.Names}}')).toBe('mine')
    const { data: audit } = await instance.query('audit.list', { verb: 'container.create' })
    expect(audit.entries.map(({ actor }: { actor: string }) => actor)).toEqual(
      expect.arrayContaining(['root on this host', 'token ci of project shop']),
    )
    await instance.change('project.tokens.revoke', { projectId: 'shop', id: created.id })
    expect((await docker(['ps'], { token })).stderr).toContain('the token is unknown, has expired or was revoked')
    await ok('rm', '-f', 'mine')
  })
})
