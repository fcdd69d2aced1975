import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Registry } from '../support/registry.ts'
import { dockerClient, environment, runOnTerminal, runProgram } from './support/client.ts'
import { type Engine, startDockerd, startGantry } from './support/engines.ts'
import { testImage, testImageArchive } from './support/test-image.ts'
import { type Step, steps } from './steps.ts'
import { longName, subcommands } from './support/subcommands.ts'

const folder = mkdtempSync('/var/tmp/gantry-test-client-')
let archive = ''
beforeAll(() => {
  archive = testImageArchive(mkdtempSync(join(folder, 'image-')))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Busybox asks the terminal for the cursor's place behind it. */
const prompt = /# (.\[\d*\w)*$/

/** What differs between two engines by chance: ids, times, ports, sizes. */
function comparable(output: string): string {
  return output
    .replace(/\b[0-9a-f]{64}\b/g, 'ID')
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/127\.0\.0\.1:\d+/g, 'PORT')
    .replace(/Up .*/g, 'UP')
    .replace(/space: .*/g, 'space: SIZE')
    .trim()
}

/** Runs the whole script on an engine; one line for whatever was not as expected, and every output to compare. */
async function runScript(engine: Engine, expectation: (step: Step) => Pick<Step, 'exit' | 'out' | 'err'>) {
  const place = { folder: mkdtempSync(join(folder, `${engine.name}-`)), archive }
  const env = environment(engine.socket, place.folder)
  const wrong: string[] = []
  const outputs: string[] = []
  for (const step of steps) {
    const args = step.run(place)
    const { exitCode, stdout, stderr } = await runProgram(dockerClient, args, env, step.input)
    const said = step.mask ? step.mask(stdout) : stdout
    const { exit = 0, out, err } = expectation(step)
    const fits = (typeof out === 'string' ? said === out : (out?.test(said) ?? true)) && (err?.test(stderr) ?? true)
    if (exitCode !== exit || !fits) wrong.push(`docker ${args.join(' ')}: ${exitCode} ${JSON.stringify({ stdout: said, stderr })}`)
    outputs.push(`${args.join(' ').replaceAll(place.folder, 'FOLDER')}: ${exitCode} ${comparable(said)}`)
  }
  return { wrong, outputs }
}

describe('the stock docker client', () => {
  let gantry: Engine
  let registry: Registry
  beforeAll(async () => {
    registry = await Registry.start()
    gantry = await startGantry({ GANTRY_REGISTRIES: registry.address })
  })
  afterAll(async () => {
    await gantry.close()
    await registry.close()
  })
  const home = mkdtempSync(join(folder, 'home-'))
  /** Commands that came to what they should; a failing test says so by itself. */
  const passed = new Set<string>()
  const docker = (...args: string[]) => {
    passed.add(longName(args))
    return runProgram(dockerClient, args, environment(gantry.socket, home))
  }

  test("gets the same from Gantry and from Docker's engine, but for what docs/docker-compat.md lists", async () => {
    const dockerd = await startDockerd()
    try {
      const ours = await runScript(gantry, (step) => step)
      expect(ours.wrong).toEqual([])
      for (const step of steps) passed.add(longName(step.run({ folder, archive })))
      const theirs = await runScript(dockerd, (step) => ({ ...step, ...step.differs }))
      expect(theirs.wrong).toEqual([])
      const isSame = (_: string, index: number) => steps[index]?.differs === undefined
      expect(ours.outputs.filter(isSame)).toEqual(theirs.outputs.filter(isSame))
      const listed = readFileSync(join(import.meta.dirname, '../../docs/docker-compat.md'), 'utf8')
      for (const { differs } of steps) expect(listed).toContain(differs?.row ?? '')
    } finally {
      await dockerd.close()
    }
  })

  test('pushes to a registry and pulls from it', async () => {
    const name = `${registry.address}/judged/image:1`
    expect(await docker('load', '-q', '-i', archive)).toMatchObject({ exitCode: 0 })
    await docker('tag', testImage, name)
    const pushed = await docker('push', name)
    expect(pushed).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/1: digest: sha256:[0-9a-f]{64} size: \d+/) })
    await docker('rmi', name, testImage)
    const pulled = await docker('pull', name)
    expect(pulled).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Status: Downloaded newer image for ${name}`) })
    // What is not there is pulled by run; what cannot be pulled is said.
    await docker('rmi', name)
    expect(await docker('run', '--rm', name, 'echo', 'pulled')).toMatchObject({ exitCode: 0, stdout: 'pulled\n' })
    expect(await docker('run', '--rm', `${registry.address}/judged/none:1`)).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/manifest unknown|not found/),
    })
    await docker('rmi', name)
    expect(await docker('login', '-u', 'joe', '-p', 'secret', registry.address)).toMatchObject({ exitCode: 0, stdout: 'Login Succeeded\n' })
    expect(await docker('logout', registry.address)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(registry.address) })
  })

  test('has a real terminal with run -it, exec -it and attach, and leaves it by its keys', async () => {
    const env = environment(gantry.socket, home)
    const onTerminal = (args: string[], answers: { at: RegExp; type: string }[]) => runOnTerminal(dockerClient, args, env, answers)
    await docker('load', '-q', '-i', archive)
    const run = await onTerminal(['run', '--rm', '-it', testImage, 'sh'], [{ at: prompt, type: 'tty; stty size; exit 3\r' }])
    expect(run.screen).toContain('/dev/pts/')
    expect(run).toMatchObject({ exitCode: 3, screen: expect.stringContaining('40 100') })

    await docker('run', '-dit', '--name', 'shell', testImage, 'sh')
    const exec = await onTerminal(['exec', '-it', 'shell', 'sh'], [{ at: prompt, type: 'echo in-$((6*7)); stty size; exit\r' }])
    expect(exec).toMatchObject({ exitCode: 0, screen: expect.stringMatching(/in-42\s+40 100/) })

    const attached = await onTerminal(
      ['attach', 'shell'],
      [
        { at: /^/, type: 'echo attached-$((6*7))\r' },
        { at: /attached-42/, type: '\x10\x11' },
      ],
    )
    expect(attached.screen).toContain('attached-42')
    expect((await docker('inspect', '--format', '{{.State.Status}}', 'shell')).stdout).toBe('running\n')
    await docker('rm', '-f', 'shell')
  })

  test('follows events and logs while they happen', async () => {
    await docker('load', '-q', '-i', archive)
    const since = `${Math.floor(Date.now() / 1000)}`
    await docker('run', '--name', 'seen', testImage, 'sh', '-c', 'echo shown; exit 2')
    await docker('rm', 'seen')
    const until = `${Math.ceil(Date.now() / 1000) + 1}`
    const { stdout } = await docker('events', '--since', since, '--until', until, '--filter', 'container=seen', '--format', '{{.Action}}')
    expect(stdout.split('\n').filter(Boolean)).toEqual(['create', 'attach', 'start', 'die', 'destroy'])

    await docker('run', '-d', '--name', 'talker', testImage, 'sh', '-c', 'echo first; sleep 2; echo last')
    expect(await docker('logs', '-f', 'talker')).toMatchObject({ exitCode: 0, stdout: 'first\nlast\n' })
    await docker('rm', '-f', 'talker')
  })

  // Last, as it counts what the tests before it ran.
  test('has passed with every subcommand that concerns the engine of one host', async () => {
    const all = await subcommands(dockerClient, environment(gantry.socket, home))
    console.log(`docker subcommands that pass: ${all.filter((name) => passed.has(name)).length} of ${all.length}`)
    expect(all.length).toBeGreaterThan(50)
    expect(all.filter((name) => !passed.has(name))).toEqual([])
  })
})
