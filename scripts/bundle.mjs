/**
 * Bundles one process to `<its folder>/dist/main.js`: `node scripts/bundle.mjs agent|gateway|cli|oci [--watch]`.
 * Our own packages are TypeScript sources and go into the bundle; what has native parts or must be one copy stays outside.
 */
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
    // One chunk for each verb: the OCI runtime starts for every one of them, and loads what that needs.
    splitting: name === 'oci',
    // Names of our error classes travel in logs, but not in those of the OCI runtime, where every byte is read for every verb.
    keepNames: name !== 'oci',
    minify: name === 'oci',
  }
}

/**
 * Chunks are named by their content, so builds would pile up. What an earlier build left goes after the new one is in place: a program
 * that starts meanwhile finds either.
 */
function removeStale(folder, { outputs }) {
  const made = new Set(Object.keys(outputs).map((path) => resolve(path)))
  for (const file of readdirSync(folder))
    if (/-[0-9A-Z]{8}\.js(\.map)?$/.test(file) && !made.has(join(folder, file))) rmSync(join(folder, file))
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
  removeStale(join(root, processes[name], 'dist'), (await build(options(name))).metafile)
}
