import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync, mkdirSync, cpSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planStart } from '../plan/plan.ts'
import { Laboratory, logLines, nativeDir } from './test-container.ts'
import { createLauncher, readExit } from './launcher.ts'

let lab: Laboratory
beforeAll(() => {
  lab = new Laboratory()
})
afterAll(() => lab.dispose())

/** What a start's failure looks like from outside. */
async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string; detail: Record<string, unknown> }> {
  return promise.then(
    () => {
      throw new Error('it started')
    },
    (error: { code: string; message: string; detail: Record<string, unknown> }) => error,
  )
}

/** One letter of proc_pid_stat(5), '' when there is no such process. */
function stateOf(pid: number): string {
  return existsSync(`/proc/${pid}/status`) ? (/^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '') : ''
}

describe('a container start', () => {
  it('runs the command and tells its exit code', async () => {
    const { exit } = await lab.run('exit 7')
    expect(exit).toMatchObject({ exitCode: 7, signal: 0, oomKilled: false })
    expect(Date.parse(exit.finishedAt)).toBeGreaterThan(0)
  })

  it('puts right what one that was killed while entering its groups left of expedited grace periods', async () => {
    const setting = '/sys/kernel/rcu_expedited'
    const note = '/run/gantry-rcu'
    const now = () => readFileSync(setting, 'utf8').trim()
    await lab.run('true')
    expect([now(), readFileSync(note, 'utf8')]).toEqual(['0', '0'])
    const left = () => {
      writeFileSync(setting, '1')
      writeFileSync(note, '1')
    }
    // By the next start of any instance, or by the next launcher.
    left()
    await lab.run('true')
    expect([now(), readFileSync(note, 'utf8')]).toEqual(['0', '0'])
    left()
    const launcher = createLauncher({ nativeDir })
    await launcher.ops([['read', note]])
    expect([now(), readFileSync(note, 'utf8')]).toEqual(['0', '0'])
    await launcher.close()
    // What an administrator has set stays.
    writeFileSync(setting, '1')
    await lab.run('true')
    expect(now()).toBe('1')
    writeFileSync(setting, '0')
  })

  it('tells a death by signal as a shell does', async () => {
    const container = await lab.start({ command: ['sleep', '1000'] })
    const exit = await lab.kill(container)
    expect(exit).toMatchObject({ exitCode: 137, signal: 9 })
  })

  it('keeps the exit record beside the monitor and fsynced where asked', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'exit 3'] })
    await container.ended
    expect(await readExit(`${container.monitorDir}/exit.json`)).toMatchObject({ key: container.id, exitCode: 3 })
    expect(await readExit(container.exitFile)).toEqual(await readExit(`${container.monitorDir}/exit.json`))
  })

  it('takes a record that was cut off for none', async () => {
    writeFileSync(`${lab.dir}/cut.json`, '{"event":"exit","key":"x","exitCode":0')
    expect(await readExit(`${lab.dir}/cut.json`)).toBeNull()
  })

  it('reports the steps with their times', async () => {
    const container = await lab.start({ command: ['true'] })
    await container.ended
    const names = container.started.steps.map((step) => step.step)
    expect(names).toContain('pivot private')
    expect(names.at(-1)).toBe('exec')
    for (const step of container.started.steps) expect(step.endUs).toBeGreaterThanOrEqual(step.startUs)
  })

  it('says 127 when the command is not there', async () => {
    const error = await failure(lab.start({ command: ['no-such-command'] }))
    expect(error).toMatchObject({ code: 'invalid_input', detail: { exitCode: 127, errno: 'ENOENT' } })
    expect(error.message).toContain('no-such-command')
    expect(await failure(lab.start({ command: ['/no/such'] }))).toMatchObject({ detail: { exitCode: 127 } })
  })

  it('says 126 when the command cannot be executed', async () => {
    expect(await failure(lab.start({ command: ['/etc/passwd'] }))).toMatchObject({ detail: { exitCode: 126, errno: 'EACCES' } })
    expect(await failure(lab.start({ command: ['/etc'] }))).toMatchObject({ detail: { exitCode: 126 } })
  })

  it('says that an interpreter is missing instead of the script', async () => {
    writeFileSync(`${lab.layer}/bin/orphan`, '#!/bin/no-such-shell\n', { mode: 0o755 })
    const error = await failure(lab.start({ command: ['orphan'] }))
    expect(error).toMatchObject({ detail: { exitCode: 126 } })
    expect(error.message).toContain('interpreter')
  })

  it('refuses a command that is too long, and goes on', async () => {
    const error = await failure(lab.start({ command: ['true', ...Array.from({ length: 100 }, () => 'x'.repeat(131_072))] }))
    expect(error).toMatchObject({ code: 'invalid_input', detail: { limit: '8388608' } })
    expect(await failure(lab.start({ command: ['true', ...Array.from({ length: 30 }, () => 'x'.repeat(131_000))] }))).toMatchObject({
      detail: { errno: 'E2BIG', exitCode: 126 },
    })
    expect((await lab.run('exit 0')).exit.exitCode).toBe(0)
  })

  it('leaves nothing behind after a failure', async () => {
    const input = await lab.input({ image: 'test', command: ['no-such-command'] })
    await failure(lab.kernel.start(planStart(input)))
    expect(readdirSync(input.monitorDir)).toEqual([])
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(lab.dir)
  })

  it('names the step and the thing that failed', async () => {
    const error = await failure(
      lab.start(
        { command: ['true'] },
        { rootfs: { kind: 'overlay', lowerDirs: ['/no/such/layer'], upperDir: `${lab.dir}/x/u`, workDir: `${lab.dir}/x/w` } },
      ),
    )
    expect(error).toMatchObject({ detail: { errno: 'ENOENT' } })
    expect(error.message).toContain('/no/such/layer')
  })

  it('writes log lines as docker does', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'echo out; echo err >&2; printf "tab\\tquote\\" end"'] })
    await container.ended
    const lines = logLines(container.logPath)
    expect(lines.filter((line) => line.stream === 'stdout').map((line) => line.log)).toEqual(['out\n', 'tab\tquote" end'])
    expect(lines.filter((line) => line.stream === 'stderr').map((line) => line.log)).toEqual(['err\n'])
    for (const line of lines) expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
  })

  it('sets environment, working folder and host name', async () => {
    const { text } = await lab.run('echo $FOO:$HOME:$PATH; pwd; hostname', {
      env: ['FOO=a=b', 'PATH=/bin'],
      workingDir: '/made/for/it',
      hostname: 'web',
    })
    expect(text).toBe('a=b:/root:/bin\n/made/for/it\nweb\n')
  })

  it.each([
    ['', 'uid=0(root) gid=0(root) groups=0(root),44(video)', '/root'],
    ['bob', 'uid=1000(bob) gid=1001(bob) groups=44(video),1001(bob)', '/home/bob'],
    ['1000', 'uid=1000(bob) gid=1001(bob) groups=44(video),1001(bob)', '/home/bob'],
    ['bob:audio', 'uid=1000(bob) gid=63(audio) groups=63(audio)', '/home/bob'],
    ['4321:77', 'uid=4321 gid=77 groups=77', '/'],
  ])('becomes user %j', async (user, id, home) => {
    const { text } = await lab.run('id; echo $HOME', { user })
    expect(
      text.replace(
        /groups=.*/,
        (groups) => `groups=${[...new Set(groups.slice(7).split(','))].sort((a, b) => Number(a) - Number(b)).join(',')}`,
      ),
    ).toBe(`${id}\n${home}\n`)
  })

  it('refuses a user that is not in the image', async () => {
    expect(await failure(lab.start({ command: ['true'], user: 'nobody-here' }))).toMatchObject({
      code: 'invalid_input',
      detail: { step: 'user nobody-here' },
    })
  })

  it('adds groups', async () => {
    const { text } = await lab.run('id -G', { user: 'bob:bob', groups: ['audio', '5000'] })
    expect(text.trim().split(' ').sort()).toEqual(['1001', '5000', '63'])
  })

  it('lets the process open its own streams again', async () => {
    const { text } = await lab.run('echo one > /dev/stdout; echo two > /dev/stderr', { user: 'bob' })
    expect(text).toBe('one\ntwo\n')
  })

  it('shifts ids: what its root writes belongs to root on disk', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'touch /made; chown 1000:1001 /made; stat -c %u:%g /made /bin/busybox'] })
    await container.ended
    expect(container.log()).toBe('1000:1001\n0:0\n')
    const { uid, gid } = (await import('node:fs')).statSync(`${container.upper}/made`)
    expect([uid, gid]).toEqual([1000, 1001])
  })

  it('stacks many layers', async () => {
    const lowerDirs = Array.from({ length: 120 }, (_, index) => {
      const dir = `${lab.dir}/layers/a-name-as-long-as-a-chain-id-0123456789abcdef0123456789abcdef/${index}`
      mkdirSync(dir, { recursive: true })
      writeFileSync(`${dir}/l${index}`, '')
      return dir
    })
    const input = await lab.input({ image: 'test', command: ['sh', '-c', 'ls / | grep -c "^l[0-9]"'] })
    await lab.kernel.start(planStart({ ...input, rootfs: { ...input.rootfs, lowerDirs: [...lowerDirs, lab.layer] } }))
    await lab.exitOf(input.containerId)
    expect(logLines(input.logPath)[0]?.log).toBe('120\n')
  })

  it('mounts volumes, host folders, files and tmpfs', async () => {
    const volume = `${lab.dir}/volume`
    mkdirSync(volume)
    writeFileSync(`${volume}/hello`, 'hi\n')
    writeFileSync(`${lab.dir}/hosts`, '127.0.0.1 localhost\n')
    const mount = { readOnly: false, propagation: 'rprivate', recursive: true, copyUp: false, idmapped: true }
    const { text } = await lab.run(
      'cat /data/hello /etc/hosts; echo new > /data/new; (echo x > /fixed/x) 2>&1; stat -c %u /data/new; grep " /scratch " /proc/mounts | cut -d" " -f3,4',
      {},
      {
        files: { hosts: `${lab.dir}/hosts`, hostname: null, resolvConf: null },
        mounts: [
          { ...mount, type: 'volume', source: volume, target: '/data' },
          { ...mount, type: 'bind', source: volume, target: '/fixed', readOnly: true },
          { ...mount, type: 'tmpfs', source: '', target: '/scratch', tmpfs: { sizeBytes: 65536, mode: 0o700 } },
        ],
      },
    )
    expect(text).toContain('hi\n127.0.0.1 localhost\n')
    expect(text).toContain('Read-only file system')
    expect(text).toMatch(/\n0\ntmpfs rw,nosuid,nodev,noexec,relatime,size=64k,mode=700/)
    expect(readFileSync(`${volume}/new`, 'utf8')).toBe('new\n')
  })

  it('runs gantry-init as process 1 when asked', async () => {
    const { text, exit } = await lab.run('(sleep 0 &) ; echo me=$$; readlink /proc/1/exe; cat /proc/1/comm; exit 9', { init: true })
    expect(text).toMatch(/me=[2-9]\d*\n\/sbin\/docker-init\n/)
    expect(exit.exitCode).toBe(9)
  })

  it('clamps limits to what the machine allows', async () => {
    const { text } = await lab.run('ulimit -n; ulimit -Hn; ulimit -c', { ulimits: [{ name: 'nofile', soft: 64, hard: 99_999_999 }] })
    const [soft, hard, core] = text.trim().split('\n')
    expect(soft).toBe('64')
    expect(Number(hard)).toBeGreaterThan(64)
    expect(core).toBe('0')
  })

  it('survives a limit that leaves no descriptor to spare', async () => {
    const container = await lab.start({ command: ['true'], ulimits: [{ name: 'nofile', soft: 4, hard: 4 }] })
    expect(await container.ended).toMatchObject({ exitCode: 0 })
  })

  it('passes no descriptor on', async () => {
    const { text } = await lab.run('ls /proc/self/fd')
    expect(text.trim().split('\n')).toEqual(['0', '1', '2', '3'])
  })

  it('resets signals the monitor ignores', async () => {
    const container = await lab.start({ command: ['grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status'] })
    await container.ended
    expect(container.log()).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n')
  })

  it('answers for a monitor that was killed, and its process dies with it', async () => {
    const container = await lab.start({ command: ['sleep', '1000'] })
    process.kill(container.started.monitorPid, 'SIGKILL')
    expect(await container.ended).toMatchObject({ exitCode: 137, signal: 9 })
    // Orphaned, it is reaped by the machine's init in its own time.
    await expect.poll(() => stateOf(container.started.pid)).toMatch(/^[ZX]?$/)
  })

  it('refuses an image that redirects /proc, /dev or /sys', async () => {
    for (const name of ['proc', 'dev', 'sys']) {
      const layer = `${lab.dir}/linked-${name}`
      cpSync(lab.layer, layer, { recursive: true, verbatimSymlinks: true })
      rmSync(`${layer}/${name}`, { recursive: true })
      symlinkSync('/tmp', `${layer}/${name}`)
      const input = await lab.input({ image: 'test', command: ['true'] })
      const error = await failure(lab.kernel.start(planStart({ ...input, rootfs: { ...input.rootfs, lowerDirs: [layer] } })))
      expect(error.message).toContain('symbolic link')
    }
  })
})
