/**
 * `npm start`: sets the checkout up, then runs agent and gateway until Ctrl-C. Containers and their monitors are not
 * children of this process and stay. `--dev` (`npm run dev`) rebuilds and restarts on change.
 */
import { chmodSync, chownSync, mkdirSync, statSync, watch } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { ask, run } from './lib/command.mjs'
import { fail, say, step } from './lib/say.mjs'
import { address, settings } from './lib/settings.mjs'
import { root } from './lib/stamp.mjs'
import { supervise } from './lib/supervise.mjs'
import { setup } from './setup.mjs'

const dev = process.argv.includes('--dev')
const account = 'gantry'
const { listen, dataDir, runDir } = settings()
const socket = join(runDir, 'agent.sock')
const dockerSocket = join(runDir, 'docker.sock')

if (process.platform !== 'linux') fail('Gantry isolates with the Linux kernel; this is another system')
if (process.getuid() !== 0) {
  fail('needs root, as the agent makes namespaces, cgroups, mounts and network links: run it as root (sudo npm start)')
}
process.env.PATH = [process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter)

let agent = null
let gateway = null
let stopping = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop())

try {
  await setup({ panel: !dev })
  await main()
} catch (error) {
  fail(error.message)
}

async function main() {
  const url = address(listen)
  if (await answers(socket)) fail(`already running: an agent answers on ${socket} (GANTRY_RUN and GANTRY_DATA name another instance)`)
  const ids = await serviceAccount()
  folders(ids)
  if (dev) await watchBundles()

  agent = supervise({ name: 'agent', argv: tiedToThisProcess(join(root, 'packages/agent/dist/main.js')), env: agentEnv(ids) })
  await until('the agent', () => answers(socket))
  let setupLine = ''
  gateway = supervise({
    name: 'gateway',
    argv: dev ? tiedToThisProcess(join(root, 'apps/gateway/dist/main.js')) : unprivileged(ids, 'apps/gateway/dist/main.js'),
    env: instanceEnv({
      GANTRY_PANEL_DEV: dev ? '1' : '',
      // In development the gateway is root and makes the socket itself.
      GANTRY_DOCKER_FD: dev ? '' : '3',
      NODE_ENV: dev ? 'development' : 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      HOME: '/nonexistent',
    }),
    onLine: (line) => {
      const code = /\b[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\b/.exec(line)?.[0]
      if (!code) return false
      const previous = setupLine
      setupLine = `first visit: ${url}/setup?code=${code} (one-time code ${code})`
      // A new one is made when too many wrong ones were tried.
      if (previous) say(setupLine)
      return true
    },
  })
  if (dev) restartOnChange()
  await until('the gateway', async () => (await fetch(url, { redirect: 'manual' }).catch(() => null)) !== null)
  say(`ready on ${url}; docker clients: DOCKER_HOST=unix://${dockerSocket}`)
  if (setupLine) say(setupLine)
  say('Ctrl-C stops panel and agent; containers go on running')
}

/** The gateway's account: no password, no shell, no home. */
async function serviceAccount() {
  const find = () => ask('getent', ['passwd', account])?.split(':')
  if (!find()) {
    await step(`adding the system user ${account} for the unprivileged gateway`, () =>
      run('useradd', [
        '--system',
        '--user-group',
        '--no-create-home',
        '--home-dir',
        '/nonexistent',
        '--shell',
        '/usr/sbin/nologin',
        account,
      ]),
    )
  }
  const [, , uid, gid] = find() ?? fail(`cannot add the system user ${account}`)
  return { uid: Number(uid), gid: Number(gid) }
}

/** The gateway passes through DATA to its own folder and through RUN to the agent's socket, and can list neither. */
function folders({ uid, gid }) {
  for (const dir of [dataDir, runDir]) {
    mkdirSync(dir, { recursive: true })
    chmodSync(dir, 0o711)
  }
  mkdirSync(join(dataDir, 'panel'), { recursive: true, mode: 0o700 })
  chownSync(join(dataDir, 'panel'), uid, gid)
  mkdirSync(join(runDir, 'app'), { recursive: true })
}

function instanceEnv(more) {
  return { GANTRY_LISTEN: listen, GANTRY_DATA: dataDir, GANTRY_RUN: runDir, ...more }
}

function agentEnv({ gid }) {
  return instanceEnv({ GANTRY_GID: String(gid), GANTRY_NATIVE: join(root, 'native', 'build'), NODE_ENV: 'production' })
}

/** Node under a parent-death signal: when this process is killed, nothing half-supervised stays behind. */
function tiedToThisProcess(script) {
  return ['setpriv', '--pdeathsig', 'SIGTERM', process.execPath, '--enable-source-maps', script]
}

/** The checkout may be unreadable for the account (/root is): it sees a read-only view of it at RUN/app. */
function unprivileged({ uid, gid }, script) {
  const view = join(runDir, 'app')
  const argv = [
    join(root, 'native/build/gantry-unprivileged'),
    String(uid),
    String(gid),
    '--read-only',
    root,
    view,
    '--listen',
    dockerSocket,
  ]
  let node = process.execPath
  if (!everybodyMayRun(node)) {
    node = join(runDir, 'node')
    mkdirSync(node, { recursive: true })
    argv.push('--read-only', dirname(dirname(process.execPath)), node)
    node = join(node, 'bin', 'node')
  }
  return [...argv, '--chdir', view, '--', node, '--enable-source-maps', join(view, script)]
}

function everybodyMayRun(file) {
  for (let path = file; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false
    if (path === dirname(path)) return true
  }
}

function answers(path) {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => resolve(true) || probe.destroy())
    probe.once('error', () => resolve(false))
  })
}

/** Waits as long as it takes: a crash shows in the log, and Ctrl-C is always there. */
async function until(what, ready) {
  const from = Date.now()
  let told = false
  while (!(await ready())) {
    if (!told && Date.now() - from > 5_000) {
      say(`waiting for ${what}`)
      told = true
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

async function watchBundles() {
  for (const name of ['agent', 'gateway', 'cli']) {
    supervise({
      name: `bundle`,
      argv: ['setpriv', '--pdeathsig', 'SIGTERM', process.execPath, join(root, 'scripts/bundle.mjs'), name, '--watch'],
      env: {},
    })
  }
}

function restartOnChange() {
  const watched = [
    ['packages/agent/dist', agent],
    ['apps/gateway/dist', gateway],
  ]
  for (const [folder, program] of watched) {
    let timer = null
    watch(join(root, folder), () => {
      clearTimeout(timer)
      timer = setTimeout(() => void program.restart(), 200)
    })
  }
}

async function stop() {
  if (stopping) process.exit(1)
  stopping = true
  say('stopping; containers go on running (once more to leave at once)')
  await gateway?.stop()
  await agent?.stop()
  process.exit(0)
}
