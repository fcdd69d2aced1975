import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const repository = join(import.meta.dirname, '..', '..', '..')
const agentBundle = join(repository, 'packages/agent/dist/main.js')
const cli = join(repository, 'apps/cli/bin/gantry.js')

let dataDir = ''
let runDir = ''
let agent: ChildProcess

interface Outcome {
  status: number | null
  stdout: string
  stderr: string
}

/** The command line as a user runs it, from the bundles that `npm start` builds. */
function gantry(args: readonly string[], input = ''): Promise<Outcome> {
  return run(process.execPath, [cli, ...args], input)
}

function run(program: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, GANTRY_RUN: runDir } })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, ...output }))
    child.stdin.end(input)
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

beforeAll(async () => {
  for (const file of [agentBundle, join(repository, 'apps/cli/dist/main.js')]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: npm test builds it, or npm run build`)
  }
  dataDir = mkdtempSync('/var/lib/gantry-test-')
  runDir = mkdtempSync('/run/gantry-test-')
  agent = spawn(process.execPath, [agentBundle], {
    env: { ...process.env, GANTRY_DATA: dataDir, GANTRY_RUN: runDir, GANTRY_LOG: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  while (!(await answers(join(runDir, 'agent.sock')))) {
    if (agent.exitCode !== null) throw new Error(`the agent ended with ${agent.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

afterAll(async () => {
  const { stdout } = await gantry(['ps', '-a', '-q', '--no-trunc'])
  const left = stdout.split('\n').filter(Boolean)
  if (left.length > 0) await gantry(['rm', '-f', '-v', ...left])
  await gantry(['project', 'rm', '-f', 'default'])
  await new Promise((resolve) => {
    agent.once('exit', resolve)
    agent.kill('SIGTERM')
  })
  for (const folder of [dataDir, runDir]) rmSync(folder, { recursive: true, force: true })
})

describe('gantry run', () => {
  it.each([
    ['what the process inside returned', ['busybox', 'sh', '-c', 'exit 7'], 7],
    ['127 for a command that is not there', ['busybox', 'no-such-command'], 127],
    ['126 for one that cannot be executed', ['busybox', '/etc'], 126],
    ['125 for a flag that makes no sense', ['--memory', 'lots', 'busybox', 'true'], 125],
    ['125 for an image that is not there', ['--pull', 'never', 'no-such-image', 'true'], 125],
    ['128 + n for a signal', ['--init', 'busybox', 'sh', '-c', 'kill -9 $$'], 137],
  ])('ends with %s', async (_, args, status) => {
    const outcome = await gantry(['run', '--rm', ...args])
    expect(outcome.status).toBe(status)
    if (status >= 125 && status <= 127) expect(outcome.stderr).toMatch(/^gantry: \S/m)
  })

  it('keeps the streams apart and loses nothing of a short life', async () => {
    for (let turn = 0; turn < 5; turn++) {
      expect(await gantry(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2'])).toEqual({
        status: 0,
        stdout: 'out\n',
        stderr: 'err\n',
      })
    }
  })

  it('passes standard input on to its end', async () => {
    const text = 'line\n'.repeat(50_000)
    const { status, stdout } = await gantry(['run', '--rm', '-i', 'busybox', 'cat'], text)
    expect(status).toBe(0)
    expect(stdout).toBe(text)
  })

  it('gives a terminal', async () => {
    const { stdout } = await run('script', ['-qec', `${process.execPath} ${cli} run --rm -it busybox tty`, '/dev/null'])
    expect(stdout).toContain('/dev/pts/')
  })

  it('hands our signals to the container', async () => {
    const child = spawn(
      process.execPath,
      [cli, 'run', '--rm', 'busybox', 'sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'],
      {
        env: { ...process.env, GANTRY_RUN: runDir },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const status = new Promise((resolve) => child.once('exit', resolve))
    await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
    child.kill('SIGTERM')
    expect(await status).toBe(9)
  })

  it('leaves nothing behind with --rm', async () => {
    expect((await gantry(['ps', '-a', '-q'])).stdout).toBe('')
  })
})

describe('a container in the background', () => {
  it('lives its whole life by the verbs', async () => {
    const made = await gantry(['run', '-d', '--name', 'web', '-m', '64m', 'busybox', 'sh', '-c', 'echo one; echo two; exec sleep 1000'])
    expect(made.stdout).toMatch(/^[0-9a-f]{64}\n$/)
    expect((await gantry(['ps'])).stdout).toMatch(/busybox\S* .*Up .* web$/m)
    expect(await gantry(['exec', 'web', 'sh', '-c', 'echo inside; exit 5'])).toMatchObject({ status: 5, stdout: 'inside\n' })
    expect((await gantry(['exec', 'web', 'no-such-command'])).status).toBe(127)
    expect((await gantry(['exec', '-i', 'web', 'cat'], 'typed')).stdout).toBe('typed')
    expect((await gantry(['logs', '--tail', '1', 'web'])).stdout).toBe('two\n')
    expect((await gantry(['top', 'web'])).stdout).toContain('sleep 1000')
    expect((await gantry(['stats', '--no-stream', 'web'])).stdout).toMatch(/web .*64MiB/)
    expect((await gantry(['update', '--pids-limit', '33', 'web'])).status).toBe(0)
    expect(JSON.parse((await gantry(['inspect', 'web'])).stdout)[0].resources).toMatchObject({
      pidsLimit: 33,
      memoryBytes: 64 * 1024 * 1024,
    })
    expect((await gantry(['pause', 'web'])).status).toBe(0)
    expect((await gantry(['ps'])).stdout).toContain('(paused)')
    expect((await gantry(['unpause', 'web'])).status).toBe(0)
    expect((await gantry(['rm', 'web'])).status).toBe(1)
    expect((await gantry(['kill', 'web'])).status).toBe(0)
    expect((await gantry(['wait', 'web'])).stdout).toBe('137\n')
    expect(await gantry(['rm', 'web'])).toMatchObject({ status: 0, stdout: 'web\n' })
    expect(await gantry(['inspect', 'web'])).toMatchObject({ status: 125, stderr: expect.stringContaining('no such container: web') })
  })
})

describe('images, networks, volumes, projects', () => {
  it('saves an image, removes it, and loads it again', async () => {
    const archive = join(dataDir, 'busybox.tar')
    expect((await gantry(['tag', 'busybox', 'copy:1'])).status).toBe(0)
    expect((await gantry(['save', '-o', archive, 'copy:1'])).status).toBe(0)
    expect(statSync(archive).size).toBeGreaterThan(500_000)
    expect((await gantry(['rmi', 'copy:1'])).status).toBe(0)
    expect((await gantry(['images'])).stdout).not.toContain('copy:1')
    expect((await gantry(['load', '-i', archive])).stdout).toContain('copy:1')
    expect((await gantry(['run', '--rm', 'copy:1', 'echo', 'loaded'])).stdout).toBe('loaded\n')
  })

  it('makes networks on which names resolve, and volumes that keep files', async () => {
    expect((await gantry(['network', 'create', 'shop'])).status).toBe(0)
    expect((await gantry(['run', '-d', '--name', 'db', '--network', 'shop', 'busybox', 'sleep', '1000'])).status).toBe(0)
    expect((await gantry(['run', '--rm', '--network', 'shop', 'busybox', 'ping', '-c', '1', 'db'])).status).toBe(0)
    expect((await gantry(['rm', '-f', 'db'])).status).toBe(0)
    expect((await gantry(['network', 'rm', 'shop'])).status).toBe(0)
    expect((await gantry(['run', '--rm', '-v', 'kept:/data', 'busybox', 'sh', '-c', 'echo text >/data/file'])).status).toBe(0)
    expect((await gantry(['run', '--rm', '-v', 'kept:/data', 'busybox', 'cat', '/data/file'])).stdout).toBe('text\n')
    const tar = join(dataDir, 'kept.tar')
    expect(await gantry(['volume', 'export', 'kept', '-o', tar])).toMatchObject({ status: 0, stderr: '' })
    expect(await gantry(['volume', 'import', 'restored', '-i', tar])).toMatchObject({ status: 0, stderr: '' })
    expect((await gantry(['volume', 'import', 'restored', '-i', tar])).stderr).toContain('volume restored is not empty')
    expect((await gantry(['volume', 'clone', 'restored', 'copied'])).stdout).toBe('copied\n')
    const contents = 'for v in /kept /restored /copied; do find $v -type f | head -1 | xargs cat; done'
    const binds = ['kept', 'restored', 'copied'].flatMap((name) => ['-v', `${name}:/${name}`])
    const { stdout: read } = await gantry(['run', '--rm', ...binds, 'busybox', 'sh', '-c', contents])
    const [first, ...others] = read.trim().split('\n')
    expect(first).not.toBe('')
    expect(others).toEqual([first, first])
    const tmpfs = ['--opt', 'type=tmpfs', '--opt', 'device=tmpfs', '--opt', 'o=size=1m', '--label', 'a=b']
    expect((await gantry(['volume', 'create', 'memory', ...tmpfs])).stdout).toBe('memory\n')
    expect(JSON.parse((await gantry(['volume', 'inspect', 'memory'])).stdout)).toMatchObject({
      ...{ options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }, labels: { a: 'b' } },
    })
    expect((await gantry(['volume', 'rm', 'restored', 'copied', 'memory'])).status).toBe(0)
    expect((await gantry(['volume', 'rm', 'kept'])).status).toBe(0)
  })

  it('keeps projects apart', async () => {
    expect((await gantry(['project', 'apply', '-m', '64m', 'other'])).status).toBe(0)
    expect((await gantry(['--project', 'other', 'run', '-d', '--name', 'theirs', 'busybox', 'sleep', '1000'])).status).toBe(0)
    expect((await gantry(['inspect', 'theirs'])).stderr).toContain('no such container')
    expect((await gantry(['project', 'rm', '-f', 'other'])).status).toBe(0)
  })
})

describe('the machine', () => {
  it('is examined, and the plan of a start printed', async () => {
    const { stdout } = await gantry(['doctor'])
    for (const group of ['kernel', 'namespaces', 'cgroup', 'filesystem', 'network', 'security', 'tools'])
      expect(stdout).toMatch(new RegExp(`^${group}$`, 'm'))
    expect((await gantry(['plan', 'busybox', 'true'])).stdout).toMatch(/^pidns\.new$/m)
    expect((await gantry(['system', 'info'])).stdout).toMatch(/^cgroups +(v1|v2|hybrid)$/m)
  })

  it('says what to do when no agent answers', async () => {
    const { status, stderr } = await run('env', ['GANTRY_RUN=/run/gantry-nowhere', process.execPath, cli, 'ps'])
    expect(status).toBe(125)
    expect(stderr).toContain('npm start')
  })
})
