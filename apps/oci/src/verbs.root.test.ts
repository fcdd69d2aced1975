import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { sleep } from './sleep.ts'
import { Lab } from './testing/lab.ts'

const lab = new Lab()
afterAll(() => lab.remove())

const state = (id: string) => JSON.parse(lab.oci('state', id).stdout)

describe('another process in a container', () => {
  it('has its namespaces and groups, what the options say, and an exit status', () => {
    const bundle = lab.bundle({
      args: ['sleep', '1000'],
      process: { env: ['PATH=/bin', 'OWN=1'] },
      linux: { resources: { pids: { limit: 50 } } },
    })
    lab.oci('run', '--detach', '-b', bundle, 'target')
    const exec = (...args: string[]) => lab.run(['exec', ...args])
    expect(exec('target', 'sh', '-c', 'echo $OWN; readlink /proc/1/ns/net; readlink /proc/self/ns/net').stdout.split('\n')).toEqual(
      expect.arrayContaining(['1', expect.stringMatching(/^net:/)]),
    )
    expect(exec('--cwd', '/tmp', '--env', 'A=b', '--user', '1000:1001', 'target', 'sh', '-c', 'pwd; echo $A; id -u; id -g').stdout).toBe(
      '/tmp\nb\n1000\n1001\n',
    )
    expect(exec('target', 'sh', '-c', 'exit 9').status).toBe(9)
    expect(exec('--cap', 'CAP_NET_RAW', 'target', 'grep', 'CapEff', '/proc/self/status').stdout).toMatch(/2[0-9a-f]{3}$/m)
    const file = join(lab.dir, 'process.json')
    writeFileSync(file, JSON.stringify({ cwd: '/', args: ['sleep', '500'], env: ['PATH=/bin'], user: { uid: 5, gid: 6 } }))
    lab.oci('exec', '--detach', '--process', file, '--pid-file', join(lab.dir, 'exec.pid'), 'target')
    const pid = Number(readFileSync(join(lab.dir, 'exec.pid'), 'utf8'))
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\t5\t5\t5\t5$/m)
    expect(JSON.parse(lab.oci('ps', '--format', 'json', 'target').stdout)).toEqual([state('target').pid, pid].sort((a, b) => a - b))
    expect(lab.oci('ps', 'target').stdout).toContain('sleep 500')
    expect(lab.fails('exec', 'target', 'nosuch').stderr).toContain('executable file not found in $PATH')
  })

  it('waits outside a paused one unless it may wait inside', () => {
    lab.oci('pause', 'target')
    expect(state('target').status).toBe('paused')
    expect(lab.fails('exec', 'target', 'true').stderr).toContain('paused')
    lab.oci('resume', 'target')
    expect(state('target').status).toBe('running')
  })

  it('counts and limits', () => {
    const stats = JSON.parse(lab.oci('events', '--stats', 'target').stdout)
    expect(stats).toMatchObject({ type: 'stats', id: 'target', data: { pids: { limit: 50 } } })
    expect(stats.data.memory.usage.usage).toBeGreaterThan(0)
    lab.oci('update', '--pids-limit', '60', '--memory', '50000000', 'target')
    const updated = JSON.parse(lab.oci('events', '--stats', 'target').stdout)
    expect(updated.data).toMatchObject({ pids: { limit: 60 }, memory: { usage: { limit: 49999872 } } })
    expect(lab.oci('list', '-q').stdout).toBe('target\n')
    lab.oci('kill', '--all', 'target', '9')
    lab.until(() => state('target').status === 'stopped')
    lab.oci('delete', 'target')
    expect(lab.leftovers('target')).toEqual([])
  })
})

describe('hooks', () => {
  const hook = (name: string, where = lab.out) => ({ path: '/bin/sh', args: ['sh', '-c', `echo "${name} $(cat)" >> ${where}/hooks`] })
  const told = () =>
    readFileSync(join(lab.out, 'hooks'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => ({ name: line.split(' ')[0], ...JSON.parse(line.slice(line.indexOf(' '))) }))

  it('run in order with the state of that moment', () => {
    const hooks = {
      prestart: [hook('prestart')],
      createRuntime: [hook('createRuntime')],
      createContainer: [hook('createContainer')],
      startContainer: [hook('startContainer', '/out')],
      poststart: [hook('poststart')],
      poststop: [hook('poststop')],
    }
    const bundle = lab.bundle({
      args: ['sleep', '1000'],
      mounts: [lab.outMount()],
      config: { hooks, annotations: { 'com.example.key': 'value' } },
    })
    lab.oci('create', '-b', bundle, 'hooked')
    const { pid } = state('hooked')
    expect(told().map(({ name }) => name)).toEqual(['prestart', 'createRuntime', 'createContainer'])
    lab.oci('start', 'hooked')
    lab.oci('delete', '--force', 'hooked')
    const all = told()
    expect(all.map(({ name, status }) => [name, status])).toEqual([
      ['prestart', 'creating'],
      ['createRuntime', 'creating'],
      ['createContainer', 'creating'],
      ['startContainer', 'created'],
      ['poststart', 'running'],
      ['poststop', 'stopped'],
    ])
    for (const entry of all)
      expect(entry).toMatchObject({ ociVersion: '1.2.0', id: 'hooked', bundle, annotations: { 'com.example.key': 'value' } })
    expect(all.map((entry) => entry.pid)).toEqual([pid, pid, pid, pid, pid, 0])
  })

  it.each([
    ['createRuntime', 'exit 3', 'failed with status 3: words'],
    ['createContainer', 'exit 3', 'failed with status 3: words'],
    ['createRuntime', 'sleep 100', 'was killed after 1000 ms'],
  ])('a %s that does not succeed (%s) undoes the container', (when, script, words) => {
    const failing = { path: '/bin/sh', args: ['sh', '-c', `echo words; ${script}`], timeout: 1 }
    const bundle = lab.bundle({ args: ['true'], config: { hooks: { [when]: [failing] } } })
    expect(lab.fails('create', '-b', bundle, 'failing').stderr).toContain(words)
    expect(lab.leftovers('failing')).toEqual([])
  })

  it('a startContainer or poststart that fails fails the start; a poststop is only told', () => {
    const failing = { path: '/bin/sh', args: ['sh', '-c', 'exit 4'] }
    const inside = lab.bundle({ args: ['true'], config: { hooks: { startContainer: [failing] } } })
    lab.oci('create', '-b', inside, 'inside')
    expect(lab.fails('start', 'inside').stderr).toContain('failed with status 4')
    lab.oci('delete', 'inside')
    const after = lab.bundle({ args: ['sleep', '1000'], config: { hooks: { poststart: [failing], poststop: [failing] } } })
    lab.oci('create', '-b', after, 'after')
    expect(lab.fails('start', 'after').stderr).toContain('failed with status 4')
    expect([...lab.leftovers('inside'), ...lab.leftovers('after')]).toEqual([])
  })
})

/** Receives a terminal as conmon does, and copies what comes out of it to standard output until its end. */
const receiver = `
import os, socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(1); print("ready", flush=True)
connection, _ = server.accept()
name, fds, _, _ = socket.recv_fds(connection, 4096, 1)
print("name", name.decode(), flush=True)
while True:
    try: data = os.read(fds[0], 4096)
    except OSError: break
    if not data: break
    os.write(1, data)
`
/** Answers a notified mkdir with EXDEV. */
const listener = `
import fcntl, json, os, socket, struct, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(1); print("ready", flush=True)
connection, _ = server.accept()
data, fds, _, _ = socket.recv_fds(connection, 65536, 1)
told = json.loads(data); print(json.dumps(told), flush=True)
request = bytearray(80); fcntl.ioctl(fds[0], 0xC0502100, request)
fcntl.ioctl(fds[0], 0xC0182101, bytearray(struct.pack("QqiI", struct.unpack_from("Q", request)[0], 0, -18, 0)))
print("answered", flush=True)
`

async function helper(script: string, socket: string) {
  const child = spawn('python3', ['-c', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const end = new Promise<string>((resolve) => child.on('close', () => resolve(text)))
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  return { end }
}

describe('descriptors that go over sockets', () => {
  it('hands the terminal to the console socket, sized, and gives the container /dev/console', async () => {
    const socket = join(lab.dir, 'console')
    const { end } = await helper(receiver, socket)
    const bundle = lab.bundle({
      args: ['sh', '-c', 'tty; stty size; stat -c %u /dev/console; test -t 0 && echo terminal'],
      process: { terminal: true, consoleSize: { height: 33, width: 99 }, user: { uid: 1000, gid: 1000 } },
    })
    expect(lab.fails('create', '-b', bundle, 'tty').stderr).toContain('--console-socket')
    lab.oci('create', '-b', bundle, '--console-socket', socket, '--pid-file', join(lab.dir, 'pid'), 'tty')
    expect(Number(readFileSync(join(lab.dir, 'pid'), 'utf8'))).toBe(state('tty').pid)
    lab.oci('start', 'tty')
    expect((await end).replaceAll('\r', '')).toBe('ready\nname /dev/pts/0\n/dev/pts/0\n33 99\n1000\nterminal\n')
    lab.until(() => state('tty').status === 'stopped')
    lab.oci('delete', 'tty')
  })

  it('hands the listener of a filter to its socket', async () => {
    const socket = join(lab.dir, 'listener')
    const { end } = await helper(listener, socket)
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: socket,
      listenerMetadata: 'words',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
    }
    const bundle = lab.bundle({ args: ['sh', '-c', 'mkdir /tmp/x 2>&1'], linux: { seccomp } })
    const { pid, status, stdout } = lab.run(['run', '-b', bundle, 'notified'])
    expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringContaining('Invalid cross-device link') })
    const [, told = '', answered] = (await end).split('\n')
    expect(answered).toBe('answered')
    expect(JSON.parse(told)).toMatchObject({ ociVersion: '1.2.0', fds: ['seccompFd'], metadata: 'words', state: { id: 'notified' } })
    expect(pid).toBeGreaterThan(0)
  })

  it('hands descriptors down', () => {
    const file = join(lab.dir, 'handed')
    writeFileSync(file, 'handed down')
    const bundle = lab.bundle({ args: ['sh', '-c', 'cat <&3; ls -l /proc/self/fd | grep -c "4 ->"'] })
    const ran = spawnSync(lab.program, [...lab.globals, 'run', '--preserve-fds', '1', '-b', bundle, 'fds'], {
      stdio: ['ignore', 'pipe', 'pipe', openSync(file, 'r')],
      encoding: 'utf8',
    })
    expect(ran.stdout).toContain('handed down')
  })
})

describe('what is killed half-way', () => {
  it('is cleaned up by delete --force, wherever it was', () => {
    const outside = mkdtempSync(join(tmpdir(), 'gantry-oci-kill-'))
    const bundle = lab.bundle({ args: ['sleep', '1000'] })
    for (let ms = 0; ms < 400; ms += 25) {
      const child = spawn(lab.program, [...lab.globals, 'create', '-b', bundle, 'victim'], { stdio: 'ignore' })
      sleep(ms)
      child.kill('SIGKILL')
      // Its helper may still be at work, for a moment: delete takes whatever is there by then.
      sleep(20)
      lab.oci('delete', '--force', 'victim')
    }
    lab.until(() => {
      lab.oci('delete', '--force', 'victim')
      return lab.leftovers('victim').length === 0
    })
    expect(existsSync(join(lab.dir, 'state', 'victim'))).toBe(false)
    rmSync(outside, { recursive: true })
  })
})

describe('what needs no container', () => {
  it('tells features and version, and writes an example that runs', () => {
    const shown = JSON.parse(lab.oci('features').stdout)
    expect(shown).toMatchObject({ ociVersionMax: '1.2.0', linux: { cgroup: { v1: true, v2: true }, seccomp: { enabled: true } } })
    expect(shown.mountOptions).toEqual(expect.arrayContaining(['rro', 'tmpcopyup', 'rprivate', 'ridmap']))
    expect(lab.oci('--version').stdout).toContain('spec: 1.2.0')
    const bundle = lab.bundle({ args: ['true'] })
    expect(lab.fails('spec', '-b', bundle).stderr).toContain('exists already')
    rmSync(join(bundle, 'config.json'))
    lab.oci('spec', '-b', bundle)
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
    config.process = { ...config.process, terminal: false, args: ['sh', '-c', 'echo example'], env: ['PATH=/bin'] }
    config.linux.cgroupsPath = `/${lab.group}/example`
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
    expect(lab.oci('run', '-b', bundle, 'example').stdout).toBe('example\n')
  })
})
