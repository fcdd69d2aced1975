/**
 * `node scripts/smoke.mjs`, as root: what a new user does. Clones the last commit into an empty folder, runs `npm start`, runs a
 * container, presses Ctrl-C, sees the container survive, and starts again, which must build nothing. Uses folders and a port of its own.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { run } from './lib/command.mjs'
import { say, step } from './lib/say.mjs'
import { root } from './lib/stamp.mjs'

const folder = mkdtempSync('/root/gantry-smoke-')
const dataDir = mkdtempSync('/var/lib/gantry-test-')
const runDir = mkdtempSync('/run/gantry-test-')
const listen = `127.0.0.1:${20_000 + (process.pid % 10_000)}`
/** The `npm start` that runs now. */
let running = null
const env = { ...process.env, GANTRY_DATA: dataDir, GANTRY_RUN: runDir, GANTRY_LISTEN: listen }

function expect(truth, text) {
  if (!truth) throw new Error(`not so: ${text}`)
  say(`  ${text}`)
}

/** `npm start`, resolved when it says that it is ready; with everything it has said until then. */
function start() {
  const child = spawn('npm', ['start'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const said = []
  running = child
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line)
      console.log(`    ${line}`)
      if (line.includes('Ctrl-C stops')) resolve({ child, said })
    })
    child.once('exit', (status) => {
      running = null
      reject(new Error(`npm start ended with ${status}`))
    })
  })
}

/** Ctrl-C as a terminal sends it: to npm and to what it runs. */
function interrupt({ child }) {
  return new Promise((resolve) => {
    running = null
    child.removeAllListeners('exit')
    child.once('exit', resolve)
    process.kill(-child.pid, 'SIGINT')
  })
}

function gantry(...args) {
  const { status, stdout, stderr } = spawnSync('npx', ['gantry', ...args], { cwd: folder, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`gantry ${args.join(' ')}: exit ${status}: ${stderr}`)
  return stdout.trim()
}

/** What the unprivileged gateway says on the socket that was opened for it. */
function pingDocker() {
  return new Promise((resolve, reject) => {
    request({ socketPath: join(runDir, 'docker.sock'), path: '/_ping' }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
}

async function smoke() {
  await run('git', ['clone', '-q', root, folder])
  const first = await step('the first npm start', start)
  expect(
    first.said.some((line) => /one-time code [A-Z0-9-]{14}/.test(line)),
    'it prints a one-time code',
  )
  expect((await fetch(`http://${listen}/setup`)).status === 200, 'the set-up page is served')
  expect((await pingDocker()) === 'OK', 'docker clients are answered')
  expect(gantry('run', '--rm', 'busybox', 'echo', 'hello') === 'hello', 'a container runs')
  gantry('run', '-d', '--name', 'survivor', 'busybox', 'sleep', '100000')
  const { pid } = JSON.parse(gantry('inspect', 'survivor'))[0].state
  await interrupt(first)
  expect(existsSync(`/proc/${pid}`), 'the container survives Ctrl-C')
  const second = await step('the second npm start', start)
  expect(!second.said.some((line) => /building|installing/.test(line)), 'it builds nothing')
  expect(JSON.parse(gantry('inspect', 'survivor'))[0].state.pid === pid, 'the container is found again')
  gantry('rm', '-f', 'survivor')
  gantry('project', 'rm', '-f', 'default')
  await interrupt(second)
}

try {
  await smoke()
} catch (error) {
  console.error(`gantry: ${error.message}`)
  process.exitCode = 1
} finally {
  if (running) await interrupt({ child: running })
  for (const path of [folder, dataDir, runDir]) rmSync(path, { recursive: true, force: true })
}
