import { readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, Laboratory, type TestContainer } from './test-container.ts'

let lab: Laboratory
let container: TestContainer
beforeAll(async () => {
  lab = new Laboratory()
  container = await lab.start({ command: ['sleep', '100000'], env: ['FROM=container'], hostname: 'execs', capDrop: ['CHOWN'] })
})
afterAll(() => lab.dispose())

const sh = (line: string) => ['sh', '-c', line]

describe('an exec', () => {
  it('has the streams apart and the exit code', async () => {
    const { stdout, stderr, exit } = await lab.execOutput(container, { command: sh('echo out; echo err >&2; exit 12') })
    expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: 'err\n' })
    expect(exit).toMatchObject({ exitCode: 12, oomKilled: false })
  })

  it('that says nothing still waits for its viewer to tell the end', async () => {
    const exec = await lab.exec(container, { command: ['true'] })
    await exec.ended
    const channel = await lab.kernel.attach(exec.monitorDir, { stdin: false, stdout: true, stderr: true, from: 0, announced: true })
    expect(await collect(channel.output)).toBe('')
    expect(await channel.exit).toMatchObject({ exitCode: 0 })
  })

  it('with a terminal waits for its viewer, too', async () => {
    const exec = await lab.exec(container, { command: sh('echo over'), tty: true })
    await exec.ended
    const channel = await lab.kernel.attach(exec.monitorDir, { stdin: false, stdout: true, stderr: true, from: 0, announced: true })
    expect(await collect(channel.output)).toBe('over\r\n')
    expect(await channel.exit).toMatchObject({ exitCode: 0 })
  })

  it('is in all namespaces of the container', async () => {
    const { stdout } = await lab.execOutput(container, {
      command: sh('for n in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$n; done; hostname'),
    })
    const own = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'].map((name) =>
      readlinkSync(`/proc/${container.started.pid}/ns/${name}`),
    )
    expect(stdout.trim().split('\n')).toEqual([...own, 'execs'])
  })

  it('has the rights of the container’s process', async () => {
    const status = (pid: string) =>
      lab.execOutput(container, { command: ['grep', '-E', '^(Cap|NoNewPrivs|Seccomp|Groups)', `/proc/${pid}/status`] })
    expect((await status('self')).stdout).toBe((await status('1')).stdout)
    expect((await status('self')).stdout).toContain('Seccomp:\t2')
  })

  it('has the container’s environment, its own variables and its own user and folder', async () => {
    const { stdout } = await lab.execOutput(container, {
      command: sh('echo $FROM $MINE $HOSTNAME; id -u; pwd'),
      env: ['MINE=exec'],
      user: 'bob',
      workingDir: '/tmp',
    })
    expect(stdout).toBe('container exec execs\n1000\n/tmp\n')
  })

  it('has a terminal of the container’s devpts', async () => {
    const exec = await lab.exec(container, { command: sh('tty; stty size'), tty: true, columns: 77, rows: 22 })
    const channel = await lab.kernel.attach(exec.monitorDir, { stdin: false, stdout: true, stderr: true, from: 0, announced: true })
    expect(await collect(channel.output)).toBe('/dev/pts/0\r\n22 77\r\n')
  })

  it('reads input to its end', async () => {
    const exec = await lab.exec(container, { command: ['wc', '-c'], openStdin: true })
    const channel = await lab.kernel.attach(exec.monitorDir, { stdin: true, stdout: true, stderr: true, from: 0, announced: true })
    await channel.write(Buffer.alloc(200_000, 'x'))
    channel.closeStdin()
    expect(await collect(channel.output)).toBe('200000\n')
  })

  it('does not wait for what it left in the background', async () => {
    const { stdout, exit } = await lab.execOutput(container, { command: sh('sleep 100000 & echo started') })
    expect(stdout).toBe('started\n')
    expect(exit.exitCode).toBe(0)
  })

  it.each([
    [['no-such-command'], 127],
    [['/etc/passwd'], 126],
  ])('says that %j cannot run', async (command, exitCode) => {
    await expect(lab.exec(container, { command })).rejects.toMatchObject({ code: 'invalid_input', detail: { exitCode } })
  })

  it('refuses a container that has ended, even when its pid is another’s now', async () => {
    await expect(lab.exec(container, { command: ['true'] }, { startTicks: container.started.startTicks + 1 })).rejects.toMatchObject({
      message: expect.stringContaining('has ended'),
    })
  })

  it('leaves no process of ours visible in the container', async () => {
    const { stdout } = await lab.execOutput(container, { command: sh('for p in /proc/[0-9]*; do cat $p/comm; done') })
    expect(stdout).not.toContain('gantry')
  })
})
