/**
 * Bundles one process to `<its folder>/dist/main.js`: `node scripts/bundle.mjs agent|gateway|cli|oci [--watch]`.
 * Our own packages are TypeScript sources and go into the bundle; what has native parts or must be one copy stays outside.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, context } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const processes = { agent: 'packages/agent', gateway: 'apps/gateway', cli: 'apps/cli', oci: 'apps/oci' }

/** Loaded from node_modules at run time: native add-ons, and Next with its React, which finds its own files by path. */
const external = [
  'koffi',
  'node-pty',
  'better-sqlite3',
  '@prisma/*',
  '@node-rs/argon2',
  'next',
  'next/*',
  'react',
  'react/*',
  'react-dom',
  'react-dom/*',
  'ws',
]

/** Bundled CommonJS packages call `require` for node's own modules; an ES module has none. */
const requireBanner = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

function options(name) {
  const folder = join(root, processes[name])
  const entry = (file) => join(folder, 'src', file)
  return {
    metafile: true,
    // Further programs of the same package (a database migration, an audit check) are bundled beside main.
    entryPoints: [entry('main.ts'), ...['migrate.ts', 'audit-verify.ts'].map(entry).filter((file) => existsSync(file))],
    outdir: join(folder, 'dist'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    external,
    banner: { js: requireBanner },
    logLevel: 'warning',
    // Names of our error classes travel in logs.
    keepNames: true,
    ...(name === 'oci' ? oneFile : {}),
  }
}

/** The OCI runtime starts for every verb: one CommonJS file, as each further module and the loader of ES modules cost milliseconds. */
const oneFile = {
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  banner: { js: 'const __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { 'import.meta.url': '__bundleUrl' },
  minify: true,
  // Names of our error classes travel in logs, but not in those of the OCI runtime, where every byte is read for every verb.
  keepNames: false,
}

/** What an earlier kind of build left: chunks named by their content, which would pile up. */
function removeStale(folder, { outputs }) {
  const made = new Set(Object.keys(outputs).map((path) => resolve(path)))
  for (const file of readdirSync(folder)) if (!made.has(join(folder, file))) rmSync(join(folder, file), { force: true })
}

function buildOci() {
  const folder = join(root, processes.oci, 'dist')
  return build(options('oci')).then(({ metafile }) => {
    removeStale(folder, metafile)
    execFileSync(process.execPath, [join(root, 'scripts/lib/code-cache.cjs'), join(folder, 'main.cjs')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  })
}

const [name, ...flags] = process.argv.slice(2)
if (!(name in processes)) {
  console.error(`bundle: unknown process ${name ?? ''}; one of ${Object.keys(processes).join(', ')}`)
  process.exit(2)
}
if (flags.includes('--watch')) {
  const watching = await context(options(name))
  await watching.watch()
} else {
  await (name === 'oci' ? buildOci() : build(options(name)))
}
