import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort, TestInstance } from '../testing/test-instance.ts'

const folder = mkdtempSync('/var/tmp/gantry-test-tls-')
const file = (name: string) => join(folder, name)
let instance: TestInstance
let address = ''

/** A certificate by openssl: its own authority's, or signed by `by`. */
function certify(name: string, subject: string, { by, more = [] }: { by?: string; more?: string[] } = {}): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${name}.key`)]
  const signer = by === undefined ? [] : ['-CA', file(`${by}.pem`), '-CAkey', file(`${by}.key`), ...more]
  execFileSync('openssl', ['req', '-x509', ...key, '-subj', subject, '-days', '2', '-out', file(`${name}.pem`), ...signer], {
    stdio: 'pipe',
  })
}

beforeAll(async () => {
  const forServer = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE']
  certify('ca', '/CN=an authority')
  certify('server', '/CN=gantry', { by: 'ca', more: forServer })
  certify('client', '/O=shop/CN=ci', { by: 'ca', more: ['-addext', 'basicConstraints=critical,CA:FALSE'] })
  certify('nobody', '/O=shop/CN=other', { by: 'ca' })
  certify('foreign-ca', '/CN=another authority')
  certify('foreign', '/O=shop/CN=ci', { by: 'foreign-ca' })
  address = `127.0.0.1:${await freePort()}`
  instance = await TestInstance.start({
    GANTRY_DOCKER_LISTEN: address,
    GANTRY_DOCKER_TLS_CERT: file('server.pem'),
    GANTRY_DOCKER_TLS_KEY: file('server.key'),
    GANTRY_DOCKER_TLS_CA: file('ca.pem'),
  })
})
afterAll(async () => {
  await instance[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** The stock client with a certificate, as `docker --tlsverify` has it. */
async function docker(certificate: string | undefined, args: string[], input = '', authority = 'ca') {
  const own = certificate === undefined ? [] : ['--tlscert', file(`${certificate}.pem`), '--tlskey', file(`${certificate}.key`)]
  const tls = ['--tlsverify', '--tlscacert', file(`${authority}.pem`), ...own, '-H', `tcp://${address}`]
  const child = spawn('docker', [...tls, ...args], { env: { ...process.env, HOME: folder, DOCKER_CONFIG: folder } })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...said }
}

it('lets in whom the authority and a token know, into the token’s project only', async () => {
  await instance.change('project.create', { id: 'shop', name: 'Shop' })
  const { created } = await instance.change('project.tokens.create', { projectId: 'shop', name: 'ci', role: 'developer' })

  expect(await docker('client', ['run', '--rm', 'busybox', 'echo', 'hello'])).toEqual({ status: 0, stdout: 'hello\n', stderr: '' })
  // The end of the input goes through TLS, and the output behind it comes back.
  const counted = await docker('client', ['run', '--rm', '-i', 'busybox', 'wc', '-c'], 'x'.repeat(300_000))
  expect(counted).toEqual({ status: 0, stdout: '300000\n', stderr: '' })
  expect(await docker('client', ['run', '-d', '--name', 'theirs', 'busybox', 'sleep', '1000'])).toMatchObject({ status: 0 })
  expect(await docker('client', ['exec', 'theirs', 'sh', '-c', 'exit 5'])).toMatchObject({ status: 5 })
  expect((await docker('client', ['ps', '--format', '{{.Names}}'])).stdout).toBe('theirs\n')
  expect((await docker('client', ['create', '--privileged', 'busybox'])).status).toBe(1)
  const { data: audit } = await instance.query('audit.list', { verb: 'container.create' })
  expect(JSON.stringify(audit)).toContain('token ci of project shop')

  for (const [certificate, words] of [
    ['nobody', /the token is unknown, has expired or was revoked/],
    ['foreign', /certificate/],
    [undefined, /certificate/],
  ] as const) {
    const refused = await docker(certificate, ['ps'])
    expect([certificate, refused.status]).toEqual([certificate, 1])
    expect(refused.stderr).toMatch(words)
  }
  // The client checks us as well.
  expect(await docker('client', ['ps'], '', 'foreign-ca')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('unknown authority'),
  })

  await instance.change('project.tokens.revoke', { projectId: 'shop', id: created.id })
  expect((await docker('client', ['ps'])).stderr).toContain('the token is unknown, has expired or was revoked')
})
