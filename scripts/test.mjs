/**
 * `npm test`: sets the checkout up and runs everything: checks, native tests, unit tests, tests against the real kernel,
 * other people's docker clients, the journey in a browser. `npm test -- unit root` runs only these. The last line is `N passed, N failed`.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { check } from './check.mjs'
import { run } from './lib/command.mjs'
import { fail, say } from './lib/say.mjs'
import { root } from './lib/stamp.mjs'
import { setup } from './setup.mjs'

const results = join(root, 'test-results')
const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Runs a program with its output shown; true when it succeeded. */
function passes(program, args, env) {
  return run(program, args, { cwd: root, env, show: true }).then(
    () => true,
    (error) => {
      console.error(`gantry: ${error.message}`)
      return false
    },
  )
}

/** A report that was not written is a failure too: the runner died before it could count. */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

async function vitest(project) {
  const file = join(results, `${project}.json`)
  const ok = await passes(bin('vitest'), [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ])
  const report = read(file)
  const failed = report?.numFailedTests ?? 0
  // A file that cannot be loaded has no failed tests; neither may an error outside of tests go by.
  return { passed: report?.numPassedTests ?? 0, failed: ok ? failed : Math.max(failed, 1) }
}

async function native() {
  const lines = []
  const ok = await run('make', ['-C', 'native', 'test'], { cwd: root }).then(
    (output) => lines.push(...output.split('\n')) > 0,
    (error) => {
      lines.push(...error.message.split('\n'))
      return false
    },
  )
  console.log(lines.join('\n'))
  const passed = lines.filter((line) => /^ok\b/.test(line)).length || lines.filter((line) => /^build\/tests\//.test(line)).length
  return { passed: ok ? passed : Math.max(0, passed - 1), failed: ok ? 0 : 1 }
}

async function e2e() {
  const file = join(results, 'e2e.json')
  const ok = await passes(bin('playwright'), ['test', '--config', 'e2e/playwright.config.ts'], { PLAYWRIGHT_JSON_OUTPUT_FILE: file })
  const stats = read(file)?.stats
  const failed = (stats?.unexpected ?? 0) + (stats?.skipped ?? 0)
  return { passed: (stats?.expected ?? 0) + (stats?.flaky ?? 0), failed: ok && stats ? failed : Math.max(failed, 1) }
}

const suites = { check, native, unit: () => vitest('unit'), root: () => vitest('root'), clients: () => vitest('clients'), e2e }
const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const unknown = chosen.find((name) => !(name in suites))
if (unknown !== undefined) fail(`unknown tests: ${unknown}; there are ${Object.keys(suites).join(', ')}`, 2)
if (process.getuid() !== 0 && (chosen.length === 0 || ['root', 'clients', 'e2e'].some((name) => chosen.includes(name)))) {
  fail('the tests against the kernel need root: run npm test as root, or npm test -- check native unit')
}

try {
  await setup({ forTests: true })
} catch (error) {
  console.error(`gantry: ${error.message}`)
  console.log('0 passed, 1 failed')
  process.exit(1)
}
rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })
const total = { passed: 0, failed: 0 }
for (const [name, suite] of Object.entries(suites)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  say(`tests: ${name}`)
  const { passed, failed } = await suite()
  say(`tests: ${name}: ${passed} passed, ${failed} failed`)
  total.passed += passed
  total.failed += failed
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)
