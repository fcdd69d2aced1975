import { request } from 'node:http'
import type { LogLine } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { testGateway } from './testing/test-gateway.ts'

const password = 'correct horse battery'

it('goes from set-up to sign-out by cookie, and shows no token to scripts', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  test.backend.setupCode.issue()
  const setUp = await gateway.mutate('auth.setup', { email: 'root@example.org', name: 'Root', password, code: test.setupCodes[0] })
  expect(setUp.status).toBe(200)
  const [setCookie = ''] = setUp.headers.getSetCookie()
  expect(setCookie).toMatch(/^gantry_7070=[\w-]{43}; Expires=.*; Path=\/; HttpOnly; SameSite=Strict$/)
  const cookie = setCookie.split(';')[0] ?? ''
  expect(await setUp.text()).not.toContain(cookie.split('=')[1])
  const status = await gateway.query('auth.status', undefined, cookie)
  expect(await status.json()).toMatchObject({
    result: { data: { needsSetup: false, user: { email: 'root@example.org', hostAdmin: true } } },
  })
  const signOut = await gateway.mutate('auth.signOut', undefined, cookie)
  expect(signOut.headers.getSetCookie()[0]).toMatch(/^gantry_7070=; Expires=Thu, 01 Jan 1970/)
  expect((await gateway.query('project.list', undefined, cookie)).status).toBe(401)
})

it('sends every answer with the headers that keep browsers safe', async () => {
  await using gateway = await testGateway()
  for (const path of ['/', '/trpc/auth.status', '/healthz', '/download/audit.csv']) {
    const { headers } = await gateway.fetch(path)
    expect(Object.fromEntries(headers), path).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
    if (path !== '/') expect(headers.get('cache-control'), path).toBe('no-store')
  }
  const policy = (await gateway.fetch('/')).headers.get('content-security-policy')
  for (const part of [
    "default-src 'self'",
    "script-src 'self' 'nonce-abc'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "base-uri 'none'",
  ]) {
    expect(policy).toContain(part)
  }
})

it('takes no change that does not come from its own pages as JSON', async () => {
  await using gateway = await testGateway()
  const root = await gateway.test.user('root@example.org', { hostAdmin: true })
  const cookie = await gateway.cookieOf(root.user.id)
  const body = JSON.stringify({ id: 'shop', name: 'Shop' })
  const post = (headers: Record<string, string>) =>
    gateway.fetch('/trpc/project.create', { method: 'POST', body, headers: { cookie, ...headers } })
  const json = { 'content-type': 'application/json' }
  const found = () => gateway.test.backend.db.read.project.findUnique({ where: { id: 'shop' } })
  expect((await post({ ...json })).status).toBe(403)
  expect((await post({ ...json, origin: 'http://evil.example' })).status).toBe(403)
  expect((await post({ ...json, origin: gateway.origin, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await post({ 'content-type': 'text/plain', origin: gateway.origin })).status).toBe(400)
  expect(await found()).toBeNull()
  expect((await post({ ...json, origin: gateway.origin })).status).toBe(200)
  expect(await found()).not.toBeNull()
})

it('answers to no name that is not its own', async () => {
  await using gateway = await testGateway()
  const { port } = new URL(gateway.origin)
  const status = await new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/trpc/auth.status', headers: { host: 'evil.example' } }, ({ statusCode }) =>
      resolve(statusCode),
    )
      .on('error', reject)
      .end()
  })
  expect(status).toBe(403)
})

it('refuses bodies above 1 MiB and wrong input in words', async () => {
  await using gateway = await testGateway()
  const root = await gateway.test.user('root@example.org', { hostAdmin: true })
  const cookie = await gateway.cookieOf(root.user.id)
  expect((await gateway.mutate('project.create', { id: 'x', name: 'y'.repeat(2 * 1024 * 1024) }, cookie)).status).toBe(413)
  const wrong = await gateway.mutate('project.create', { id: 'shop', name: 'Shop', limits: { memoryBytes: -1 } }, cookie)
  expect(wrong.status).toBe(400)
  expect(await wrong.json()).toMatchObject({
    error: { data: { gantry: { code: 'invalid_input', detail: { field: 'limits.memoryBytes' } } } },
  })
})

it('says 404 for a container of somebody else, and 503 while the agent is down', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  const bob = await test.user('bob@example.org')
  await test.project('secret')
  await test.project('own', {}, { [bob.user.id]: 'developer' })
  const cookie = await gateway.cookieOf(bob.user.id)
  const { id } = test.agent.makeContainer('secret')
  expect((await gateway.query('container.get', { projectId: 'secret', container: id }, cookie)).status).toBe(404)
  expect((await gateway.query('container.get', { projectId: 'own', container: id }, cookie)).status).toBe(404)
  test.agent.down = true
  const down = await gateway.query('container.list', { projectId: 'own' }, cookie)
  expect(down.status).toBe(503)
  expect(await down.json()).toMatchObject({ error: { data: { gantry: { code: 'unavailable' } } } })
  expect(await (await gateway.query('dashboard.overview', undefined, cookie)).json()).toMatchObject({ result: { data: { host: null } } })
})

it('streams a subscription as server-sent events and ends it when the right is gone', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  const bob = await test.user('bob@example.org')
  await test.project('shop', {}, { [bob.user.id]: 'viewer' })
  const event = {
    seq: 7,
    boot: 'b1',
    type: 'container' as const,
    action: 'start',
    id: 'x',
    projectId: 'shop',
    attributes: {},
    timeNano: '1',
  }
  test.agent.streams['system.events'] = async function* (_input, signal) {
    yield event
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  const cookie = await gateway.cookieOf(bob.user.id)
  const response = await gateway.fetch(`/trpc/events?input=${encodeURIComponent('{"projectId":"shop"}')}`, {
    headers: { cookie, accept: 'text/event-stream' },
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const readUntil = async (part: string) => {
    while (!text.includes(part)) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`ended before ${part}: ${text}`)
      text += value
    }
  }
  await readUntil('id: b1:7')
  await test.backend.db.transaction((tx) => tx.membership.deleteMany())
  test.backend.access.changed(bob.user.id)
  await readUntil('serialized-error')
  await readUntil('project shop not found')
  await reader.cancel()
})

it('gives a log as text without what would move a terminal', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  const bob = await test.user('bob@example.org')
  await test.project('shop', {}, { [bob.user.id]: 'viewer' })
  const line = (text: string): LogLine => ({ stream: 'stdout', time: '2026-01-01T00:00:00.000000001Z', text, partial: false })
  test.agent.streams['container.logs'] = async function* () {
    yield { lines: [line('plain\n'), line('\u001b[31mred\u001b[0m\u001b]52;c;ZXZpbA==\u0007\n')] }
  }
  const cookie = await gateway.cookieOf(bob.user.id)
  const response = await gateway.fetch('/download/logs?projectId=shop&container=we%22b', { headers: { cookie } })
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="we_b.log"')
  expect(await response.text()).toBe('plain\nred\n')
  expect((await gateway.fetch('/download/logs?projectId=shop&container=web')).status).toBe(401)
})

it('exports the audit log as CSV and JSON, harmless in a spreadsheet', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  const root = await test.user('root@example.org', { hostAdmin: true })
  const cookie = await gateway.cookieOf(root.user.id)
  await gateway.mutate('user.create', { email: 'bob@example.org', name: '=1+1, "x"', password }, cookie)
  await gateway.mutate('project.create', { id: 'shop', name: 'Shop' }, cookie)
  const csv = await (await gateway.fetch('/download/audit.csv?verb=user.create', { headers: { cookie } })).text()
  const [head, row, end] = csv.split('\r\n')
  expect(head).toBe('seq,time,actor,actorId,address,projectId,verb,object,outcome,error,parameters,prevHash,hash')
  expect(row).toContain(',root@example.org,')
  expect(row).toContain('"{""email"":""bob@example.org"",""hostAdmin"":false,""name"":""=1+1, \\""x\\"""",""password"":""[redacted]""}"')
  expect(end).toBe('')
  const json = (await (await gateway.fetch('/download/audit.json', { headers: { cookie } })).json()) as { verb: string }[]
  expect(json.map(({ verb }) => verb)).toEqual(['audit.export', 'audit.export', 'project.create', 'user.create'])
})
