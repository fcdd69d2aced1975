import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planStart } from '../plan/plan.ts'
import { collect, Laboratory, logLines, logText, type TestContainer } from './test-container.ts'
import { encodeFrame, FrameReader } from './wire.ts'

let lab: Laboratory
beforeAll(() => {
  lab = new Laboratory()
})
afterAll(() => lab.dispose())

const both = { stdin: false, stdout: true, stderr: true, from: 'end' } as const
const withInput = { ...both, stdin: true }
const announced = { ...both, announced: true }

/** Proportional set size of a process in bytes. */
function pss(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) * 1024
}

describe('a monitor', () => {
  it('cuts long lines as docker does', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'head -c 40000 /dev/zero | tr "\\0" x; echo; echo short'] })
    await container.ended
    expect(logLines(container.logPath).map((line) => line.log.length)).toEqual([16384, 16384, 40000 - 32768 + 1, 6])
    expect(container.log()).toBe(`${'x'.repeat(40000)}\nshort\n`)
  })

  it('keeps what is not text readable', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'printf "\\377\\033[1m\\0é\\n"'] })
    await container.ended
    expect(container.log()).toBe('\ufffd\u001b[1m\0é\n')
  })

  it('rotates by size and keeps as many files as asked', async () => {
    const log = { driver: 'json-file', maxSizeBytes: 65536, maxFiles: 3 } as const
    const container = await lab.start({ command: ['sh', '-c', 'i=0; while [ $i -lt 4000 ]; do echo line-$i; i=$((i+1)); done'], log })
    await container.ended
    const folder = container.logPath.slice(0, container.logPath.lastIndexOf('/'))
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith('container.log'))
        .sort(),
    ).toEqual(['container.log', 'container.log.1', 'container.log.2'])
    for (const suffix of ['', '.1', '.2']) expect(statSync(container.logPath + suffix).size).toBeLessThanOrEqual(65536)
    const kept = ['.2', '.1', ''].flatMap((suffix) =>
      logText(container.logPath + suffix)
        .trim()
        .split('\n'),
    )
    expect(kept.at(-1)).toBe('line-3999')
    const first = Number(kept[0]?.slice(5))
    expect(kept).toEqual(Array.from({ length: 4000 - first }, (_, index) => `line-${first + index}`))
  })

  it('goes on when the log disk is full, and counts what is lost', async () => {
    const input = await lab.input({
      image: 'test',
      command: ['sh', '-c', 'i=0; while [ $i -lt 100 ]; do echo line; i=$((i+1)); done; exit 4'],
    })
    await lab.kernel.start(planStart({ ...input, logPath: '/dev/full' }))
    expect(await lab.exitOf(input.containerId)).toMatchObject({ exitCode: 4 })
    expect(JSON.parse(readFileSync(`${input.monitorDir}/exit.json`, 'utf8'))).toMatchObject({ logDropped: 100 })
  })

  it('stays small, also after a flood', async () => {
    const container = await lab.start({
      command: ['sh', '-c', 'head -c 30000000 /dev/zero | tr "\\0" "y"; echo; echo flooded >&2; exec sleep 1000'],
    })
    await expect.poll(() => container.log().includes('flooded'), { timeout: 120_000 }).toBe(true)
    await expect.poll(() => pss(container.started.monitorPid), { timeout: 60_000 }).toBeLessThan(300 * 1024)
    await lab.kill(container)
  })

  it('leaves the session of the agent and its standard streams', async () => {
    const container = await lab.start({ command: ['sleep', '1000'] })
    const stat = readFileSync(`/proc/${container.started.monitorPid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    expect(Number(fields[3])).toBe(container.started.monitorPid)
    await lab.kill(container)
  })

  it('shows output to several viewers, streams apart', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'read x; echo "out $x"; echo "err $x" >&2'], openStdin: true })
    const writer = await lab.kernel.attach(container.monitorDir, withInput)
    const viewer = await lab.kernel.attach(container.monitorDir, both)
    await writer.write(Buffer.from('hello\n'))
    const seen: string[] = []
    for await (const piece of viewer.output) seen.push(`${piece.stream}: ${Buffer.from(piece.bytes).toString()}`)
    expect(seen.sort()).toEqual(['stderr: err hello\n', 'stdout: out hello\n'])
    expect(await collect(writer.output)).toBe('out hello\n')
    expect(await viewer.exit).toMatchObject({ exitCode: 0, key: container.id })
  })

  it('keeps what is said for one who has connected and not yet asked for it, beyond the end', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'sleep 0.2; echo said'] })
    const socket = connect(`${container.monitorDir}/sock`)
    await once(socket, 'connect')
    expect(await container.ended).toMatchObject({ exitCode: 0 })
    const frames: string[] = []
    const reader = new FrameReader((type, payload) => frames.push(type === 'O' ? `O${payload.toString()}` : type))
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.write(encodeFrame('A', Buffer.from(['end', 'oe', '0', '0', ''].join('\0'))))
    await once(socket, 'close')
    expect(frames).toEqual(['B', 'Osaid\n', 'X'])
    // One who connects and leaves holds nobody up.
    const other = await lab.start({ command: ['sh', '-c', 'sleep 0.2'] })
    const silent = connect(`${other.monitorDir}/sock`)
    await once(silent, 'connect')
    silent.destroy()
    expect(await other.ended).toMatchObject({ exitCode: 0 })
    await expect.poll(() => existsSync(`${other.monitorDir}/sock`)).toBe(false)
  })

  it('passes the end of input on', async () => {
    const container = await lab.start({ command: ['cat'], openStdin: true })
    const channel = await lab.kernel.attach(container.monitorDir, withInput)
    await channel.write(Buffer.from('to the end'))
    channel.closeStdin()
    expect(await collect(channel.output)).toBe('to the end')
    expect(await container.ended).toMatchObject({ exitCode: 0 })
  })

  it('waits for a viewer that still sends input, whose failing write would take the unread output with it', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'read x; echo "out $x"'], openStdin: true })
    const channel = await lab.kernel.attach(container.monitorDir, withInput)
    await channel.write(Buffer.from('hello\n'))
    // The process has ended and its monitor has said so before any of it is read here.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    channel.closeStdin()
    expect(await collect(channel.output)).toBe('out hello\n')
    expect(await container.ended).toMatchObject({ exitCode: 0 })
  })

  it('passes large input and output unchanged, at the speed of the slower side', async () => {
    const container = await lab.start({ command: ['cat'], openStdin: true, log: { driver: 'none' } })
    const channel = await lab.kernel.attach(container.monitorDir, withInput)
    const sent = Buffer.alloc(3_000_000, 'pattern-0123456789\n')
    const write = channel.write(sent).then(() => channel.closeStdin())
    const received: Uint8Array[] = []
    for await (const piece of channel.output) received.push(Buffer.from(piece.bytes))
    await write
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })

  it('closes input with the first viewer when asked to', async () => {
    const single = await lab.start({ command: ['cat'], openStdin: true, stdinOnce: true })
    const channel = await lab.kernel.attach(single.monitorDir, withInput)
    channel.detach()
    expect(await single.ended).toMatchObject({ exitCode: 0 })

    const open = await lab.start({ command: ['sh', '-c', 'read x; echo got $x'], openStdin: true })
    const first = await lab.kernel.attach(open.monitorDir, withInput)
    first.detach()
    const second = await lab.kernel.attach(open.monitorDir, withInput)
    await second.write(Buffer.from('later\n'))
    expect(await collect(second.output)).toBe('got later\n')
  })

  it('holds the first output for a viewer that is coming', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'echo early; echo late >&2'] }, { announcedViewers: 1 })
    await container.ended
    // Only there for the size of a terminal: it is not the one that was announced.
    const other = await lab.kernel.attach(container.monitorDir, { ...both, stdout: false, stderr: false })
    other.detach()
    const channel = await lab.kernel.attach(container.monitorDir, announced)
    const seen: string[] = []
    for await (const piece of channel.output) seen.push(`${piece.stream}: ${Buffer.from(piece.bytes).toString()}`)
    expect(seen).toEqual(['stdout: early\n', 'stderr: late\n'])
    expect(await channel.exit).toMatchObject({ exitCode: 0 })
    expect(channel.startOffset).toBe(0)
  })

  it('holds it until all that were announced have come or been called off', async () => {
    const container = await lab.start({ command: ['echo', 'seen by all'] }, { announcedViewers: 3 })
    await container.ended
    const first = await lab.kernel.attach(container.monitorDir, announced)
    expect(await collect(first.output)).toBe('seen by all\n')
    await lab.kernel.callOff(container.monitorDir)
    const last = await lab.kernel.attach(container.monitorDir, announced)
    expect(await collect(last.output)).toBe('seen by all\n')
    await expect.poll(() => existsSync(`${container.monitorDir}/sock`)).toBe(false)
    await lab.kernel.callOff(container.monitorDir)
  })

  it('holds it no longer for a viewer that was called off, or of an agent that has gone', async () => {
    // More than a pipe takes: it ends only when somebody reads.
    const command = ['sh', '-c', 'head -c 300000 /dev/zero; exit 5']
    const left = await lab.start({ command, log: { driver: 'none' } }, { announcedViewers: 1 })
    await lab.kernel.callOff(left.monitorDir)
    expect(await left.ended).toMatchObject({ exitCode: 5 })

    const orphan = await lab.start({ command, log: { driver: 'none' } }, { announcedViewers: 1 })
    await lab.kernel.close()
    const kernel = lab.newKernel()
    await expect.poll(async () => (await kernel.adopt(orphan.monitorDir))?.exit).toMatchObject({ exitCode: 5 })
  })

  /** True when asked twice in a row with the same answer, which is not the first one's 0. */
  function standsStill<T>(read: () => T): () => boolean {
    let before: T | undefined
    return () => {
      const now = read()
      const still = now === before && now !== 0
      before = now
      return still
    }
  }
  /** Fills viewers' queues, sockets and the ring, then the pipe; resolves when nothing more fits, with the bytes that did. */
  async function fill(container: TestContainer): Promise<number> {
    const written = () => Number(readFileSync(`/proc/${container.started.pid}/root/tmp/written`, 'utf8'))
    await expect.poll(standsStill(written), { timeout: 60_000, interval: 500 }).toBe(true)
    return written()
  }
  const filling = {
    command: ['sh', '-c', 'i=0; while true; do head -c 4096 /dev/zero; i=$((i + 4096)); echo $i >/tmp/written; done'],
    log: { driver: 'none' as const },
  }

  it('keeps all that a slow viewer has not taken when the process ends', async () => {
    const container = await lab.start(filling, { announcedViewers: 1 })
    const channel = await lab.kernel.attach(container.monitorDir, announced)
    const written = await fill(container)
    await lab.kill(container)
    let seen = 0
    for await (const { bytes } of channel.output) seen += bytes.length
    expect(seen).toBeGreaterThanOrEqual(written)
  })

  it('sleeps while one viewer has not taken everything and another has left', async () => {
    const container = await lab.start(filling, { announcedViewers: 2 })
    const monitor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${container.started.pid}/status`, 'utf8'))?.[1])
    const slow = await lab.kernel.attach(container.monitorDir, announced)
    const quick = await lab.kernel.attach(container.monitorDir, announced)
    const seen = collect(quick.output)
    await fill(container)
    await lab.kill(container)
    await seen
    // User and system time, the 14th and 15th fields of proc_pid_stat(5).
    const spent = () => readFileSync(`/proc/${monitor}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13).join()
    await expect.poll(standsStill(spent), { timeout: 20_000, interval: 2500 }).toBe(true)
    await collect(slow.output)
  })

  it('does not let a viewer that left hold the process up', async () => {
    const container = await lab.start(
      { command: ['sh', '-c', 'head -c 3000000 /dev/zero; exit 5'], log: { driver: 'none' } },
      { announcedViewers: 1 },
    )
    const channel = await lab.kernel.attach(container.monitorDir, announced)
    channel.detach()
    expect(await container.ended).toMatchObject({ exitCode: 5 })
  })

  it('refuses a viewer when all is over', async () => {
    const container = await lab.start({ command: ['true'] })
    await container.ended
    await expect.poll(() => existsSync(`${container.monitorDir}/sock`)).toBe(false)
    await expect(lab.kernel.attach(container.monitorDir, both)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('is found again by another agent, with nothing lost', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'read x; echo $x; exit 6'], openStdin: true })
    await lab.kernel.close()
    const kernel = lab.newKernel()
    const adopted = await kernel.adopt(container.monitorDir)
    expect(adopted).toMatchObject({
      key: container.id,
      pid: container.started.pid,
      startTicks: container.started.startTicks,
      monitorPid: container.started.monitorPid,
    })
    const channel = await kernel.attach(container.monitorDir, withInput)
    await channel.write(Buffer.from('again\n'))
    expect(await container.ended).toMatchObject({ exitCode: 6 })
    expect(container.log()).toBe('again\n')
    // An agent that comes even later finds the record.
    await expect.poll(async () => (await kernel.adopt(container.monitorDir))?.exit).toMatchObject({ exitCode: 6 })
    expect(await kernel.adopt(mkdtempSync(`${lab.runDir}/none-`))).toBeNull()
  })

  it('outlives a launcher that was killed', async () => {
    const container = await lab.start({ command: ['sh', '-c', 'read x; exit 8'], openStdin: true })
    const launcher = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${container.started.monitorPid}/status`, 'utf8'))?.[1])
    process.kill(launcher, 'SIGKILL')
    const channel = await lab.kernel.attach(container.monitorDir, withInput)
    await channel.write(Buffer.from('x\n'))
    expect(await container.ended).toMatchObject({ exitCode: 8 })
    expect((await lab.run('exit 2')).exit.exitCode).toBe(2)
  })

  it('tells an OOM kill', async () => {
    const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
    const group = `/sys/fs/cgroup${v2 ? '' : '/memory'}/gantry-test-${process.pid}`
    const limits = v2 ? ['memory.max', 'memory.swap.max'] : ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
    const { exit } = await lab.run(
      'exec tail /dev/zero',
      {},
      {
        cgroupOps: [
          ['mkdir', group, '0755'],
          ['write', `${group}/${limits[0]}`, '16777216'],
          ['write?', `${group}/${limits[1]}`, v2 ? '0' : '16777216'],
        ],
        cgroupEnterOps: [['cgroup.enter', `${group}/cgroup.procs`]],
      },
    )
    await lab.kernel.ops([['rmdir', group]])
    expect(exit).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true })
  })
})

describe('a terminal', () => {
  it('is the container’s own', async () => {
    const container = await lab.start(
      { command: ['sh', '-c', 'tty; stty size; ls -l /dev/console | cut -c1; echo to-tty > /dev/tty; sleep 0'], tty: true },
      { columns: 91, rows: 33 },
    )
    await container.ended
    expect(container.log()).toBe('/dev/pts/0\r\n33 91\r\nc\r\nto-tty\r\n')
  })

  it('replays from any byte and follows', async () => {
    const container = await lab.start({
      command: ['sh', '-c', 'stty -echo; echo 0123456789; read x; echo "after $x"'],
      tty: true,
      openStdin: true,
    })
    await expect.poll(() => logLines(container.logPath).length).toBe(1)
    const all = await lab.kernel.attach(container.monitorDir, { ...withInput, from: 0, columns: 100, rows: 40 })
    const part = await lab.kernel.attach(container.monitorDir, { ...both, from: 4 })
    const none = await lab.kernel.attach(container.monitorDir, { ...both, from: 'end' })
    expect([all.startOffset, part.startOffset, none.startOffset]).toEqual([0, 4, 12])
    await all.write(Buffer.from('x\n'))
    expect(await collect(all.output)).toBe('0123456789\r\nafter x\r\n')
    expect(await collect(part.output)).toBe('456789\r\nafter x\r\n')
    expect(await collect(none.output)).toBe('after x\r\n')
  })

  it('keeps the last four MiB and says where they begin', async () => {
    const container = await lab.start({
      command: [
        'sh',
        '-c',
        'stty -opost -echo; i=0; while [ $i -lt 100 ]; do head -c 65536 /dev/zero | tr "\\0" z; i=$((i+1)); done; echo end; read x',
      ],
      tty: true,
      openStdin: true,
      log: { driver: 'none' },
    })
    const total = 100 * 65536 + 4
    const last = await lab.kernel.attach(container.monitorDir, { ...withInput, from: 0 })
    let received = last.startOffset
    let tail = ''
    for await (const piece of last.output) {
      received += piece.bytes.length
      tail = (tail + Buffer.from(piece.bytes).toString()).slice(-10)
      if (received === total) await last.write(Buffer.from('\n'))
    }
    expect(tail).toBe('zzzzzzend\n')
    expect(received).toBe(total)
    await container.ended
  })

  it('changes its size with a signal', async () => {
    const container = await lab.start({
      command: ['sh', '-c', 'trap "stty size; exit" WINCH; echo ready; while :; do read x; done'],
      tty: true,
      openStdin: true,
    })
    const channel = await lab.kernel.attach(container.monitorDir, { ...withInput, from: 0 })
    let text = ''
    for await (const piece of channel.output) {
      text += Buffer.from(piece.bytes).toString()
      if (text === 'ready\r\n') channel.resize(132, 50)
    }
    expect(text).toBe('ready\r\n50 132\r\n')
  })
})
