/**
 * Generates the Prisma client twice, for SQLite and PostgreSQL, from one schema: `node packages/db/scripts/generate.mjs`.
 * Does nothing when the schema and Prisma's version are those of the last run.
 *
 * Prisma fetches a schema engine before any command, though `generate` never runs it; naming any program that exists keeps
 * it off the network.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packageDir = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(dirname(packageDir))
const generated = join(packageDir, 'src/generated')
const require = createRequire(import.meta.url)
const prismaPackage = require.resolve('prisma/package.json')

function generate(provider, schema) {
  const folder = mkdtempSync(join(generated, '.schema-'))
  try {
    const file = join(folder, 'schema.prisma')
    writeFileSync(file, schemaFor(provider, schema))
    execFileSync(process.execPath, [join(dirname(prismaPackage), 'build/index.js'), 'generate', '--schema', file], {
      cwd: folder,
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The schema with another database and another output folder; nothing else differs. */
function schemaFor(provider, schema) {
  return schema
    .replace('provider = "sqlite"', `provider = "${provider}"`)
    .replace('../packages/db/src/generated/sqlite', join(generated, provider))
}

const schema = readFileSync(join(root, 'prisma/schema.prisma'), 'utf8')
const stamp = join(generated, 'stamp')
const digest = createHash('sha256')
  .update(schema)
  .update(readFileSync(prismaPackage))
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .digest('hex')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  mkdirSync(generated, { recursive: true })
  for (const provider of ['sqlite', 'postgresql']) generate(provider, schema)
  writeFileSync(stamp, digest)
}
