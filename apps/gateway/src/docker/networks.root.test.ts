import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestInstance } from '../testing/test-instance.ts'

/** Networks as the stock docker client and raw requests see them. */
let instance: TestInstance
beforeAll(async () => {
  instance = await TestInstance.start()
})
afterAll(() => instance[Symbol.asyncDispose]())

const projectId = 'default'
const socketPath = () => `${instance.runDir}/docker.sock`

interface Outcome {
  code: number
  out: string
  err: string
}

function docker(...args: string[]): Promise<Outcome> {
  const env = { ...process.env, DOCKER_HOST: `unix://${socketPath()}`, HOME: instance.runDir }
  return new Promise((resolve) =>
    execFile('docker', args, { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: out.trim(), err: err.trim() }),
    ),
  )
}
/** As `docker`, for what must succeed. */
async function done(...args: string[]): Promise<string> {
  const { code, out, err } = await docker(...args)
  expect(`${code} ${err}`).toBe('0 ')
  return out
}
const refused = async (...args: string[]) => (await docker(...args)).err.replace(/^Error response from daemon: /, '').split('\n')[0]
const inspect = async (name: string) => JSON.parse(await done('network', 'inspect', name))[0]

/** One request without a client: status and JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
function raw(method: string, path: string, body?: unknown): Promise<{ status: number; data: any }> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const sent = request({ socketPath: socketPath(), method, path, headers }, (response) => {
      let answer = ''
      response.on('data', (chunk) => {
        answer += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, data: answer ? JSON.parse(answer) : null }))
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

async function run(name: string, more: object = {}): Promise<string> {
  const spec = { image: 'busybox', name, command: ['sleep', '100000'], ...more }
  const { id, startError } = await instance.change('container.create', { projectId, spec, start: true })
  expect(startError).toBe(null)
  return id
}
const remove = (container: string) => instance.change('container.remove', { projectId, container, force: true })
/** What a program of the container prints, seen from inside. */
async function exec(container: string, ...command: string[]): Promise<string> {
  const { pid } = (await instance.query('container.get', { projectId, container })).data.state
  return new Promise((resolve) => execFile('nsenter', ['-t', String(pid), '-m', '-n', ...command], (_, out, err) => resolve(out + err)))
}

describe('docker network', () => {
  it('lists the three that every docker has, by all filters', async () => {
    const list = (...filters: string[]) =>
      done('network', 'ls', '--format', '{{.Name}} {{.Driver}} {{.Scope}}', ...filters.flatMap((filter) => ['-f', filter]))
    expect((await list()).split('\n')).toEqual(['bridge bridge local', 'host host local', 'none null local'])
    await done('network', 'create', '--label', 'tier=front', 'shown')
    expect(await list('name=^shown$')).toBe('shown bridge local')
    expect(await list('name=how', 'driver=bridge')).toBe('shown bridge local')
    expect(await list('type=custom')).toBe('shown bridge local')
    expect(await list('label=tier=front')).toBe('shown bridge local')
    expect(await list('label=tier=back')).toBe('')
    expect(await list('dangling=true')).toBe('shown bridge local')
    expect((await list('driver=null')).split('\n')).toEqual(['none null local'])
    expect(await refused('network', 'ls', '-f', 'colour=red')).toBe("invalid filter 'colour'")
    await done('network', 'rm', 'shown')
  })

  it('makes networks with every option, and shows them as asked', async () => {
    const addresses = [
      '--subnet',
      '10.236.0.0/24',
      '--gateway',
      '10.236.0.254',
      '--ip-range',
      '10.236.0.128/25',
      '--aux-address',
      'nas=10.236.0.130',
    ]
    const options = ['-o', 'com.docker.network.driver.mtu=1400', '-o', 'com.docker.network.container_iface_prefix=lan', '-o', 'x=y']
    const id = await done('network', 'create', ...addresses, ...options, '--label', 'a=b', 'full')
    expect(await inspect('full')).toMatchObject({
      Name: 'full',
      Id: id,
      Scope: 'local',
      Driver: 'bridge',
      EnableIPv4: true,
      EnableIPv6: false,
      Internal: false,
      Ingress: false,
      ConfigOnly: false,
      ConfigFrom: { Network: '' },
      IPAM: {
        Driver: 'default',
        Config: [
          {
            Subnet: '10.236.0.0/24',
            IPRange: '10.236.0.128/25',
            Gateway: '10.236.0.254',
            AuxiliaryAddresses: { nas: '10.236.0.130' },
          },
        ],
      },
      Options: { 'com.docker.network.driver.mtu': '1400', 'com.docker.network.container_iface_prefix': 'lan', x: 'y' },
      Labels: { a: 'b' },
      Containers: {},
    })
    const web = await run('web', { endpoints: [{ network: 'full', ipv4Address: '10.236.0.7' }] })
    expect((await inspect(id.slice(0, 12))).Containers).toEqual({
      [web]: {
        Name: 'web',
        EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/),
        MacAddress: '02:67:0a:ec:00:07',
        IPv4Address: '10.236.0.7/24',
        IPv6Address: '',
      },
    })
    expect(await exec('web', 'ip', 'link', 'show', 'lan0')).toContain('mtu 1400')
    expect(await refused('network', 'rm', 'full')).toBe(
      `error while removing network: network full has active endpoints (name:"web" id:"${web.slice(0, 12)}")`,
    )
    await remove('web')
    expect(await done('network', 'rm', 'full')).toBe('full')
  })

  it('connects and disconnects running containers, with names, addresses and /etc/hosts', async () => {
    await done('network', 'create', '--subnet', '10.237.0.0/24', 'live')
    await run('server', { endpoints: [{ network: 'live' }] })
    await run('guest')
    const flags = [
      '--ip',
      '10.237.0.9',
      '--alias',
      'visitor',
      '--gw-priority',
      '7',
      '--link',
      'server:upstream',
      '--link-local-ip',
      '169.254.9.9',
    ]
    await done('network', 'connect', ...flags, 'live', 'guest')
    expect(await exec('guest', 'ping', '-c', '1', '-W', '2', 'upstream')).toContain('1 packets received')
    expect(await exec('server', 'ping', '-c', '1', '-W', '2', 'visitor')).toContain('10.237.0.9')
    expect(await exec('guest', 'cat', '/etc/hosts')).toMatch(/^10\.237\.0\.9\t/m)
    expect(await exec('guest', 'ip', 'route')).toContain('default via 10.237.0.1')
    expect(await refused('network', 'connect', 'live', 'guest')).toBe('endpoint with name guest already exists in network live')
    await done('network', 'disconnect', 'live', 'guest')
    expect(await exec('guest', 'cat', '/etc/hosts')).not.toContain('10.237.0.9')
    expect(await exec('guest', 'ip', 'route')).not.toContain('10.237')
    expect(await refused('network', 'disconnect', 'live', 'guest')).toMatch(/^container guest is not connected to network live/)
    await done('network', 'disconnect', '-f', 'live', 'guest')
    for (const name of ['guest', 'server']) await remove(name)
    await done('network', 'rm', 'live')
  })

  it('prunes what no running container holds', async () => {
    await run('stopped', { endpoints: [{ network: 'bridge' }] })
    for (const name of ['p1', 'p2']) await done('network', 'create', '--label', `is=${name}`, name)
    await done('network', 'connect', 'p1', 'stopped')
    expect(await done('network', 'prune', '-f', '--filter', 'until=24h')).toBe('')
    expect(await done('network', 'prune', '-f')).toBe('Deleted Networks:\np2')
    await instance.change('container.stop', { projectId, container: 'stopped', timeoutSeconds: 0 })
    expect(await done('network', 'prune', '-f', '--filter', 'label!=is=p1')).toBe('')
    expect(await done('network', 'prune', '-f', '--filter', 'label=is=p1')).toBe('Deleted Networks:\np1')
    await remove('stopped')
  })

  it('refuses in the words that clients know', async () => {
    for (const name of ['bridge', 'host', 'none'])
      expect(await refused('network', 'rm', name)).toBe(`${name} is a pre-defined network and cannot be removed`)
    expect(await refused('network', 'create', 'host')).toBe('operation is not permitted on predefined host network')
    expect(await refused('network', 'create', '-d', 'host', 'x')).toBe('only one instance of "host" network is allowed')
    expect(await refused('network', 'create', '-d', 'weave', 'x')).toContain('plugin not found')
    expect(await refused('network', 'inspect', 'nosuch')).toBe('network nosuch not found')
    expect(await refused('network', 'rm', 'nosuch')).toBe('network nosuch not found')
    await done('network', 'create', '--subnet', '10.238.0.0/24', 'twice')
    expect(await refused('network', 'create', 'twice')).toBe('network with name twice already exists')
    expect(await refused('network', 'create', '--subnet', '10.238.0.0/25', 'other')).toContain(
      'Pool overlaps with other one on this address space',
    )
    expect(await refused('network', 'connect', 'twice', 'nobody')).toBe('No such container: nobody')
    expect(await refused('network', 'connect', 'host', 'nobody')).toContain('container cannot be disconnected from host network')
    await done('network', 'rm', 'twice')
  })
})

describe('docker run', () => {
  it('puts containers on networks with addresses, names, links and ports, and tells of them', async () => {
    await done('network', 'create', '--subnet', '10.239.0.0/24', 'app')
    await done('network', 'create', '--subnet', '10.240.0.0/24', 'side')
    const web = ['busybox', 'httpd', '-f', '-p', '80', '-h', '/etc']
    await done('run', '-d', '--name', 'web', '--hostname', 'web', '--network', 'app', '--ip', '10.239.0.8', '-p', '28410-28412:80', ...web)
    const [shown] = JSON.parse(await done('inspect', 'web'))
    expect(shown.NetworkSettings.Ports['80/tcp']).toEqual(
      expect.arrayContaining([expect.objectContaining({ HostIp: '0.0.0.0', HostPort: '28410' })]),
    )
    expect(shown.NetworkSettings.Networks.app).toMatchObject({ IPAddress: '10.239.0.8', Gateway: '10.239.0.1', IPPrefixLen: 24 })
    expect(shown.HostConfig.PortBindings['80/tcp']).toEqual([{ HostIp: '', HostPort: '28410-28412' }])
    expect(await (await fetch('http://127.0.0.1:28410/hostname')).text()).toContain('web')
    expect(await done('port', 'web', '80/tcp')).toContain('0.0.0.0:28410')

    const other = [
      '--network',
      'name=app,alias=two,gw-priority=-3',
      '--network',
      'name=side,gw-priority=4,driver-opt=com.docker.network.endpoint.ifname=second0',
    ]
    const seen = await done('run', '--rm', ...other, 'busybox', 'sh', '-c', 'ip route; wget -qO- http://web/hostname')
    expect(seen).toContain('default via 10.240.0.1 dev second0')
    expect(seen).toMatch(/web$/)
    expect(await done('run', '--rm', '--network', 'app', '--link', 'web:www', 'busybox', 'wget', '-qO-', 'http://www/hostname')).toBe('web')

    await done('run', '-d', '--name', 'db', '--expose', '80', ...web)
    const linked = await done('run', '--rm', '--link', 'db:store', 'busybox', 'sh', '-c', 'env; cat /etc/hosts')
    expect(linked).toMatch(/^STORE_PORT=tcp:\/\/[0-9.]+:80$/m)
    expect(linked).toMatch(/^[0-9.]+\tstore [0-9a-f]{12} db$/m)
    expect((await docker('run', '--rm', '--network', 'host', '--link', 'db:x', 'busybox', 'true')).code).toBe(125)
    await done('rm', '-f', 'web', 'db')
    await done('network', 'rm', 'app', 'side')
  })
})

describe('requests without a client', () => {
  it('are shaped by version', async () => {
    expect((await raw('GET', '/v1.46/networks/bridge')).data).not.toHaveProperty('EnableIPv4')
    expect((await raw('GET', '/v1.47/networks/bridge')).data).toMatchObject({ EnableIPv4: true })
    expect((await raw('GET', '/networks/bridge')).data.Options['com.docker.network.driver.mtu']).toBe('1500')
  })
  it.each<[string, string, unknown, number]>([
    ['POST', '/networks/create', { Name: '' }, 400],
    ['POST', '/networks/create', { Name: 'a b' }, 400],
    ['POST', '/networks/create', { Name: 5 }, 400],
    ['POST', '/networks/create', 'not json', 400],
    ['POST', '/networks/create', { Name: 'x', IPAM: { Config: [{ Subnet: 'all' }] } }, 400],
    ['POST', '/networks/create', { Name: 'x', IPAM: { Config: [{ Gateway: '10.0.0.1' }] } }, 400],
    ['POST', '/networks/create', { Name: 'x', Options: { 'com.docker.network.driver.mtu': '-1' } }, 400],
    ['POST', '/networks/create', { Name: 'x', Ingress: true }, 501],
    ['POST', '/networks/create', { Name: 'x', ConfigOnly: true }, 501],
    ['POST', '/networks/create', { Name: 'bridge' }, 403],
    ['POST', '/networks/nosuch/connect', { Container: 'x' }, 404],
    ['POST', '/networks/bridge/connect', {}, 400],
    ['GET', '/networks?filters=%7B%22type%22%3A%5B%22odd%22%5D%7D', undefined, 400],
    ['POST', '/networks/prune?filters=%7B%22until%22%3A%5B%22soon%22%5D%7D', undefined, 400],
    ['GET', '/networks/nosuch', undefined, 404],
    ['DELETE', '/networks/none', undefined, 403],
  ])('%s %s %j is %i', async (method, path, body, status) => {
    const answer = await raw(method, path, body)
    expect(answer).toMatchObject({ status, data: { message: expect.any(String) } })
  })
})
