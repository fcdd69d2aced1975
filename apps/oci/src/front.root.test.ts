import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Lab } from './testing/lab.ts'

const lab = new Lab()
afterAll(() => lab.remove())

const log = join(lab.dir, 'words')
const bundle = lab.bundle({ args: ['sleep', '1000'], config: { annotations: { status: 'running', pid: '4194305', 'a"b': 'é\n𝄞' } } })
const failing = lab.bundle({ args: ['/gone'] })

/** Same words, whenever and as whatever process. */
function steady(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/("pid": ?)[1-9]\d*/g, '$1PID')
    .replaceAll(/^\[\d+\]$/gm, '[PID]')
    .replaceAll(/^(ID +)PID +/gm, '$1PID ')
    .replaceAll(/^((?:both|late) +)[1-9]\d* +/gm, '$1PID ')
}

interface Way {
  readonly program: string
  /** Where node would be looked for. */
  readonly path: string
}
/** Without node to be found, the front has to do all by itself. */
const ways: readonly Way[] = [
  { program: lab.program, path: '/nonexistent' },
  { program: lab.script, path: process.env.PATH ?? '' },
]

function say({ program, path }: Way, format: string, ...words: string[]) {
  rmSync(log, { force: true })
  const { status, stdout, stderr } = spawnSync(program, [...lab.globals, '--log', log, '--log-format', format, ...words], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  })
  return { words: words.join(' '), status, stdout: steady(stdout), stderr, log: existsSync(log) ? steady(readFileSync(log, 'utf8')) : '' }
}

/** What the caller gets from every verb in every state of a container. */
function life(way: Way) {
  const told: ReturnType<typeof say>[] = []
  const tell = (...words: string[]) => told.push(say(way, told.length % 2 ? 'json' : 'text', ...words))
  const each = (id: string) => {
    for (const words of [['state', id], ['list'], ['list', '-f', 'json'], ['list', '--quiet'], ['ps', '-f', 'json', id]]) tell(...words)
  }
  lab.oci('create', '-b', bundle, 'both')
  each('both')
  tell('resume', 'both')
  tell('start', 'both')
  each('both')
  for (const words of [['start'], ['delete'], ['pause'], ['state'], ['pause'], ['resume'], ['resume']]) tell(...words, 'both')
  tell('kill', 'both', '0')
  tell('kill', 'both', 'SIGUSR3')
  tell('kill', '--all', 'both', 'sigkill')
  lab.until(() => JSON.parse(lab.oci('state', 'both').stdout).status === 'stopped')
  each('both')
  for (const words of [['kill'], ['start'], ['pause'], ['delete'], ['delete'], ['state'], ['delete', '--force']]) tell(...words, 'both')
  lab.oci('run', '--detach', '-b', bundle, 'late')
  tell('pause', 'late')
  tell('delete', 'late')
  tell('delete', 'late', '-f')
  expect([...lab.leftovers('both'), ...lab.leftovers('late')]).toEqual([])
  return told
}

describe("the bundle's compiled code", () => {
  it('is all that a build leaves beside the bundle, whatever lay there before', () => {
    const dist = join(lab.script, '../../dist')
    writeFileSync(join(dist, 'chunk-AAAAAAAA.js'), '')
    new Lab().remove()
    expect(readdirSync(dist).toSorted()).toEqual(['main.cjs', 'main.cjs.cache', 'main.cjs.map'])
  })

  it.each(['nothing', 'of another version'])('is done without when it is %s', (kind) => {
    const folder = join(lab.dir, kind)
    for (const name of ['bin', 'dist']) cpSync(join(lab.script, '../..', name), join(folder, name), { recursive: true })
    const cache = join(folder, 'dist/main.cjs.cache')
    expect(existsSync(cache)).toBe(true)
    if (kind === 'nothing') rmSync(cache)
    else writeFileSync(cache, 'x'.repeat(1000))
    const { stdout } = spawnSync(join(folder, 'bin/gantry-oci.cjs'), ['--version'], { encoding: 'utf8' })
    expect(stdout).toContain('spec: 1.2.0')
  })
})

describe('the native front', () => {
  it('answers as node does, without it', () => {
    const [front = [], node = []] = ways.map(life)
    // An unknown signal is node's to refuse.
    const own = (step: { words: string }) => !step.words.includes('SIGUSR3')
    expect(front.filter(own)).toEqual(node.filter(own))
    expect(front.map(({ status }) => status)).toContain(0)
    expect(front.find((step) => !own(step))?.stderr).toContain('node cannot be run')
  })

  it.each(ways)('tells why the command of a started container does not run: $program', (way) => {
    const command = join(failing, 'rootfs/gone')
    writeFileSync(command, '#!/bin/sh\n', { mode: 0o755 })
    lab.oci('create', '-b', failing, 'failing')
    rmSync(command)
    const told = say(way, 'json', 'start', 'failing')
    expect(told).toMatchObject({
      status: 1,
      stderr:
        'gantry-oci: exec /gone: command /gone not found in the container: no such file or directory (executable file not found in $PATH)\n',
    })
    expect(JSON.parse(told.log)).toMatchObject({ level: 'error', msg: told.stderr.slice('gantry-oci: '.length, -1) })
    lab.oci('delete', 'failing')
    expect(lab.leftovers('failing')).toEqual([])
  })

  it.each(['1\0x\0', '2\0front\x000\0', 'nonsense'])('leaves a container to node of which another version wrote (%j)', (words) => {
    lab.oci('create', '-b', bundle, 'other')
    writeFileSync(join(lab.dir, 'state/other/front'), words)
    expect(say({ program: lab.program, path: '/nonexistent' }, 'text', 'state', 'other').stderr).toContain('node cannot be run')
    expect(JSON.parse(lab.oci('state', 'other').stdout).status).toBe('created')
    lab.oci('delete', 'other')
    expect(lab.leftovers('other')).toEqual([])
  })
})
