import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Lab } from './testing/lab.ts'

const lab = new Lab()
afterAll(() => lab.remove())

function change(file: string, what: object): void {
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...what }))
}

describe('the life of a container', () => {
  it('waits after create, runs after start, is deleted with all that was made for it', () => {
    const bundle = lab.bundle({ args: ['sh', '-c', 'echo started > /out/file; exec sleep 100'], mounts: [lab.outMount()] })
    lab.oci('create', '-b', bundle, 'life')
    const created = JSON.parse(lab.oci('state', 'life').stdout)
    expect(created).toMatchObject({ ociVersion: '1.2.0', id: 'life', status: 'created', bundle, annotations: {} })
    expect(existsSync(`/proc/${created.pid}`)).toBe(true)
    expect(readdirSync(lab.out)).toEqual([])
    lab.oci('start', 'life')
    expect(JSON.parse(lab.oci('state', 'life').stdout)).toMatchObject({ status: 'running', pid: created.pid })
    lab.until(() => readdirSync(lab.out).includes('file'))
    expect(lab.fails('start', 'life').stderr).toContain('cannot start a container that is running')
    expect(lab.fails('delete', 'life').stderr).toContain('not stopped: running')
    lab.oci('kill', 'life', 'KILL')
    lab.until(() => JSON.parse(lab.oci('state', 'life').stdout).status === 'stopped')
    expect(lab.fails('kill', 'life', 'TERM').stderr).toContain('container not running')
    lab.oci('delete', 'life')
    expect(lab.fails('state', 'life').stderr).toContain('container "life" does not exist')
    expect(lab.leftovers('life')).toEqual([])
  })

  it('passes streams and exit status on with run, and refuses a name that is taken', () => {
    const bundle = lab.bundle({ args: ['sh', '-c', 'cat; echo error >&2; exit 7'] })
    const ran = spawnSync(lab.program, [...lab.globals, 'run', '-b', bundle, 'once'], { input: 'through\n', encoding: 'utf8' })
    expect(ran).toMatchObject({ status: 7, stdout: 'through\n', stderr: 'error\n' })
    lab.oci('create', '-b', bundle, 'taken')
    expect(lab.fails('create', '-b', bundle, 'taken').stderr).toContain('already exists')
    lab.oci('delete', '--force', 'taken')
    lab.oci('delete', '--force', 'taken')
    expect(lab.leftovers('taken')).toEqual([])
  })

  it('does not mind what becomes of config.json after create', () => {
    const bundle = lab.bundle({ args: ['sleep', '1000'], process: { env: ['PATH=/bin', 'OWN=1'] }, linux: { cgroupsPath: undefined } })
    lab.oci('create', '-b', bundle, lab.group)
    writeFileSync(join(bundle, 'config.json'), 'nonsense')
    lab.oci('start', lab.group)
    expect(lab.oci('exec', lab.group, 'sh', '-c', 'echo $OWN').stdout).toBe('1\n')
    // Without a path for its groups the container's name is the path.
    expect(lab.groups().length).toBeGreaterThan(0)
    lab.oci('delete', '--force', lab.group)
    expect(lab.groups()).toEqual([])
  })

  it.each([
    ['no config.json', (file: string) => rmSync(file), 'config.json: cannot be read'],
    ['no JSON', (file: string) => writeFileSync(file, '{'), 'config.json is not JSON'],
    ['no process', (file: string) => change(file, { process: undefined }), 'process is missing'],
    ['no root', (file: string) => change(file, { root: { path: 'nowhere' } }), 'is not a folder'],
    ['a version to come', (file: string) => change(file, { ociVersion: '2.0.0' }), 'ociVersion 2.0.0 is not 1.x'],
  ])('refuses a bundle with %s, and leaves nothing', (_what, spoil, words) => {
    const bundle = lab.bundle({ args: ['true'] })
    spoil(join(bundle, 'config.json'))
    for (const verb of ['create', 'run']) expect(lab.fails(verb, '-b', bundle, 'bad').stderr).toContain(words)
    expect(lab.leftovers('bad')).toEqual([])
  })

  it('says at create that a command is not there, and leaves nothing', () => {
    const missing = lab.fails('create', '-b', lab.bundle({ args: ['nosuch'] }), 'missing')
    expect(missing.stderr).toContain('executable file not found in $PATH')
    const folder = lab.fails('create', '-b', lab.bundle({ args: ['/etc'] }), 'missing')
    expect(folder.stderr).toContain('cannot be executed')
    expect(lab.leftovers('missing')).toEqual([])
  })
})
