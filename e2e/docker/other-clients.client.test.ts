import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { dockerClient, environment, type Outcome, runProgram } from './support/client.ts'
import { type Engine, startGantry } from './support/engines.ts'
import { newerNode } from './support/newer-node.ts'
import { testImageArchive } from './support/test-image.ts'

const folder = mkdtempSync('/var/tmp/gantry-test-client-')
const clients = join(import.meta.dirname, 'clients')
let gantry: Engine
let archive = ''

beforeAll(async () => {
  archive = testImageArchive(mkdtempSync(join(folder, 'image-')))
  gantry = await startGantry()
})
afterAll(async () => {
  await gantry.close()
  rmSync(folder, { recursive: true, force: true })
})

const run = (program: string, args: string[], env: Record<string, string> = {}): Promise<Outcome> =>
  runProgram(program, args, { ...environment(gantry.socket, folder), ...env })
const docker = (...args: string[]) => run(dockerClient, args)
/** A script's own words say best which of its answers was wrong. */
async function expectOk(running: Promise<Outcome>): Promise<void> {
  const { exitCode, stdout, stderr } = await running
  if (exitCode !== 0 || stdout !== 'ok\n') throw new Error(`ended with ${exitCode}: ${stdout}${stderr}`)
}

/** What a client leaves behind is its own or ours to mend. */
async function expectNothingLeft(): Promise<void> {
  expect((await docker('ps', '-aq')).stdout).toBe('')
  expect((await docker('volume', 'ls', '-q')).stdout).toBe('')
  expect((await docker('network', 'ls', '-q', '--filter', 'type=custom')).stdout).toBe('')
}

beforeEach(async () => {
  expect(await docker('load', '-q', '-i', archive)).toMatchObject({ exitCode: 0 })
})

test('docker-compose brings a project up and takes it down', async () => {
  const compose = (...args: string[]) => run('docker-compose', ['-p', 'judged', '-f', join(clients, 'compose.yml'), ...args])
  expect(await compose('up', '-d')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Creating judged_app_1') })
  expect((await compose('ps')).stdout).toMatch(/judged_app_1[\s\S]*Up[\s\S]*judged_store_1[\s\S]*Up \(healthy\)/)
  expect((await compose('logs', '--no-color', 'app')).stdout).toMatch(/app_1 +\| hello from the test image\napp_1 +\| ready\n/)
  expect(await compose('exec', '-T', 'store', 'wget', '-qO-', 'http://127.0.0.1/')).toMatchObject({
    exitCode: 0,
    stdout: 'hello from the test image\n',
  })
  expect(await compose('exec', '-T', 'store', 'sh', '-c', 'exit 7')).toMatchObject({ exitCode: 7 })
  expect((await compose('top', 'store')).stdout).toContain('httpd')
  expect((await compose('port', 'app', '80')).stdout).toMatch(/^127\.0\.0\.1:\d+\n$/)
  // Nothing has changed, so nothing is made anew.
  expect((await compose('up', '-d')).stderr).toMatch(/judged_store_1 is up-to-date/)
  expect(await compose('restart', '-t', '0', 'store')).toMatchObject({ exitCode: 0 })
  expect(await compose('run', '--rm', '-T', 'app', 'echo', 'once')).toMatchObject({ exitCode: 0, stdout: 'once\n' })
  expect(await compose('down', '-v', '-t', '0')).toMatchObject({ exitCode: 0 })
  await expectNothingLeft()
})

test('docker-py', async () => {
  await expectOk(run('/usr/bin/python3', [join(clients, 'docker_py.py'), archive]))
  await expectNothingLeft()
})

test('dockerode', async () => {
  await expectOk(run(process.execPath, [join(clients, 'dockerode.mjs'), archive]))
  await expectNothingLeft()
})

test('testcontainers', async () => {
  const env = { TESTCONTAINERS_RYUK_DISABLED: 'true' }
  await expectOk(run(newerNode(), [join(clients, 'testcontainers.mjs')], env))
  await expectNothingLeft()
})
