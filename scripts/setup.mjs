/**
 * Brings a checkout from any state to "can run": Debian packages, node modules, native programs, bundles and panel.
 * Shared by `npm start`, `npm test` and CI; `node scripts/setup.mjs [--test]` does only this. It uses nothing but node's
 * own modules, as it runs before `npm ci`. Every step asks first whether it is needed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ask, run } from './lib/command.mjs'
import { fail, say, step } from './lib/say.mjs'
import { fingerprint, isStamped, root, stamp } from './lib/stamp.mjs'

/** What the native programs and add-ons are built with, and what the running engine uses. */
const packagesToRun = [
  'build-essential',
  'pkg-config',
  'python3',
  'libseccomp-dev',
  'libarchive-dev',
  'libssl-dev',
  'libcap-dev',
  'libnftables-dev',
  'busybox-static',
  'procps',
  'ca-certificates',
]
/** What the tests judge with: a browser with Chinese letters, a registry, docker's engine and clients, network tools, archives. */
const packagesToTest = [
  'chromium',
  'fonts-noto-cjk',
  'docker-registry',
  'docker.io',
  'docker-compose',
  'python3-docker',
  'nftables',
  'iproute2',
  'iputils-ping',
  'netcat-openbsd',
  'libcap2-bin',
  'e2fsprogs',
  'clang-format',
  'kmod',
  'procps',
  'lxcfs',
  'git',
  'podman',
  'skopeo',
  'zstd',
  'btrfs-progs',
  'fuse-overlayfs',
  'apparmor',
]

const sources = ['apps', 'packages', 'prisma', 'scripts/bundle.mjs', 'tsconfig.base.json', 'turbo.json', 'package-lock.json']
const built = [
  'packages/agent/dist/main.js',
  'apps/gateway/dist/main.js',
  'apps/cli/dist/main.js',
  'apps/oci/dist/main.cjs',
  'apps/panel/.next/BUILD_ID',
]

/**
 * @param {{ forTests?: boolean, panel?: boolean }} options `panel: false` leaves out the web build (watch mode makes its own)
 */
export async function setup({ forTests = false, panel = true } = {}) {
  checkNode()
  // The unprivileged gateway reads what is built here.
  process.umask(0o022)
  useLocalHeaders()
  await debianPackages([...packagesToRun, ...(forTests ? packagesToTest : [])])
  await Promise.all([nodeModules().then(() => bundles(panel)), nativePrograms()])
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) fail(`needs Node 20.19 or newer; this is ${process.versions.node} (https://nodejs.org)`)
}

/** Native add-ons compile against node's headers; those beside the running node save a download. */
function useLocalHeaders() {
  const prefix = dirname(dirname(process.execPath))
  if (existsSync(join(prefix, 'include', 'node', 'node_api.h'))) process.env.npm_config_nodedir ??= prefix
}

/** Installs those Debian packages that are missing; needs root only then. */
export async function debianPackages(wanted) {
  const dollar = '$'
  const listed = ask('dpkg-query', ['-W', '-f', `${dollar}{db:Status-Abbrev} ${dollar}{Package}\n`, '*'])
  if (listed === null) return say(`this is not Debian: make sure that these are installed: ${wanted.join(' ')}`)
  const installed = new Set(
    listed
      .split('\n')
      .filter((line) => line.startsWith('ii'))
      .map((line) => line.slice(4).trim()),
  )
  const missing = wanted.filter((name) => !installed.has(name))
  if (missing.length === 0) return
  if (process.getuid() !== 0) fail(`Debian packages are missing; as root: apt-get install --no-install-recommends ${missing.join(' ')}`)
  await step(`installing Debian packages: ${missing.join(' ')}`, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    const apt = (...args) => run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', ...args], { env })
    await apt('update')
    await apt('install', '-y', '--no-install-recommends', ...missing)
  })
}

async function nodeModules() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const wanted = `${process.versions.modules}\n${lock}`
  if (isStamped('npm', wanted)) return
  if (!isInstalled(JSON.parse(lock))) {
    await step('installing node modules (npm ci; some are compiled, which takes a minute or two)', () =>
      run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root }),
    )
  }
  stamp('npm', wanted)
}

/** True when someone's `npm install` has already brought exactly what the lockfile asks for, and compiled it. */
function isInstalled(lock) {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden) || !existsSync(join(root, 'node_modules', 'node-pty', 'build', 'Release', 'pty.node'))) return false
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages
  return Object.entries(lock.packages).every(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.optional) return true
    return entry.link ? existsSync(join(root, path)) : present[path]?.version === entry.version
  })
}

async function nativePrograms() {
  const upToDate = ask('make', ['-q', '-C', join(root, 'native')]) !== null
  if (!upToDate) await step('building the native programs', () => run('make', ['-C', join(root, 'native'), '-j2']))
}

async function bundles(panel) {
  const value = `${panel}\n${fingerprint(sources)}`
  const outputs = panel ? built : built.filter((path) => !path.startsWith('apps/panel'))
  if (isStamped('build', value, outputs)) return
  const filter = panel ? [] : ['--filter=!@gantry/panel']
  await step(panel ? 'building agent, gateway, command line and panel' : 'building agent, gateway and command line', () =>
    run(join(root, 'node_modules', '.bin', 'turbo'), ['run', 'build', '--output-logs=errors-only', '--no-color', ...filter], {
      cwd: root,
      env: { TURBO_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', CHECKPOINT_DISABLE: '1' },
    }),
  )
  stamp('build', value)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup({ forTests: process.argv.includes('--test') })
  } catch (error) {
    fail(error.message)
  }
}
