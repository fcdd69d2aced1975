/** `npm run check`: types, formatting and lint, import rules, unused code. All at once; prints only what fails. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ask, run } from './lib/command.mjs'
import { say } from './lib/say.mjs'
import { root } from './lib/stamp.mjs'

const bin = (name) => join(root, 'node_modules', '.bin', name)

/** C sources by the style that stands beside them. */
function cSources() {
  return ['native/src', 'native/tests'].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .filter((name) => /\.[ch]$/.test(name))
          .map((name) => join(folder, name))
      : [],
  )
}

/** The compiler remembers what it has seen, so that only changes cost time. */
const types = (project, memory) => [
  bin('tsc'),
  ['-p', project, '--noEmit', '--incremental', '--tsBuildInfoFile', `node_modules/.cache/gantry/${memory}.tsbuildinfo`],
]
const checks = [
  ['types', ...types('tsconfig.json', 'root')],
  ['types of the panel', ...types('apps/panel/tsconfig.json', 'panel')],
  ['types of the browser tests', ...types('e2e/tsconfig.json', 'e2e')],
  ['format and lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['imports', bin('tsx'), ['scripts/check-deps.ts']],
  ['unused code', bin('knip'), ['--no-progress']],
]
if (existsSync(join(root, 'native', '.clang-format')) && ask('clang-format', ['--version']) !== null) {
  checks.push(['C format', 'clang-format', ['--dry-run', '--Werror', ...cSources()]])
}

/** Runs every check; resolves with the number of passed and failed ones. */
export async function check() {
  const results = await Promise.all(
    checks.map(async ([name, program, args]) => {
      const from = performance.now()
      const error = await run(program, args, { cwd: root, env: { FORCE_COLOR: '0' } }).then(
        () => null,
        (reason) => reason,
      )
      say(`${error ? 'failed' : 'passed'}: ${name} (${((performance.now() - from) / 1000).toFixed(1)} s)`)
      if (error) console.error(error.message)
      return error === null
    }),
  )
  return { passed: results.filter(Boolean).length, failed: results.filter((ok) => !ok).length }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { failed } = await check()
  process.exit(failed === 0 ? 0 : 1)
}
