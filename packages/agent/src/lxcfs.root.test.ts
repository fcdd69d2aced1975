import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** An LXCFS on a folder of its own, which can be killed and started anew. */
class OwnLxcfs {
  readonly path = mkdtempSync('/run/gantry-lxcfs-')
  #process: ChildProcess | undefined

  async start(): Promise<void> {
    this.#process = spawn('lxcfs', ['-f', '-p', `${this.path}.pid`, this.path], { stdio: 'ignore' })
    await expect.poll(() => readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` ${this.path} `)
    await expect.poll(() => readFileSync(`${this.path}/proc/uptime`, 'utf8')).toMatch(/^\d/)
  }

  /** As after a crash: what was bound of it is dead. */
  async kill(): Promise<void> {
    if (!this.#process) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
    this.#process = undefined
    execFileSync('umount', ['-l', this.path])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmdirSync(this.path)
    rmSync(`${this.path}.pid`, { force: true })
  }
}

test('free, nproc and uptime tell the limits, also of a container that ran before LXCFS was started anew', async () => {
  await using lxcfs = new OwnLxcfs()
  await using agent = await TestAgent.start({ GANTRY_LXCFS: lxcfs.path })
  const shell = async (id: string, line: string) => (await agent.exec(id, ['sh', '-c', line])).stdout.trim()
  const resources = { memoryBytes: 100 * 2 ** 20, cpusetCpus: '0' }
  const command = ['sleep', '1000']
  const total = (id: string) => shell(id, "awk '/MemTotal/ { print $2 }' /proc/meminfo")

  // Not there yet: the kernel's own files.
  const early = await agent.run({ command, resources })
  expect(Number(await total(early))).toBeGreaterThan(102400)
  await lxcfs.start()
  await expect.poll(() => total(early), { timeout: 60_000 }).toBe('102400')

  // procps' free, of the host: busybox's asks the kernel by sysinfo(2), where nobody can answer for it.
  const mounts = [{ type: 'bind' as const, source: '/usr', target: '/h', readOnly: true }]
  const free = '/h/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path /h/lib/x86_64-linux-gnu /h/bin/free'
  const id = await agent.run({ command, resources, mounts })
  expect(await total(id)).toBe('102400')
  expect(await shell(id, `${free} -k | awk '/Mem:/ { print $2 }'; nproc; grep -c ^processor /proc/cpuinfo`)).toBe('102400\n1\n1')
  expect(Number((await shell(id, 'cat /proc/uptime')).split(' ')[0])).toBeLessThan(
    Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]),
  )
  expect(await shell(id, 'cat /sys/devices/system/cpu/online')).toBe('0')
  expect(await shell(id, 'echo x 2>&1 >/proc/meminfo; true')).toContain('Read-only')
  // A change of limits is seen at once.
  const update = { resources: { memoryBytes: 50 * 2 ** 20 } }
  await agent.client.call('container.update', { projectId: agent.projectId, container: id, update })
  expect(await total(id)).toBe('51200')

  await lxcfs.kill()
  expect(await shell(id, 'cat /proc/meminfo 2>&1; true')).toContain('not connected')
  await lxcfs.start()
  await expect.poll(() => total(id), { timeout: 60_000 }).toBe('51200')
  expect(await shell(id, 'nproc; grep -c " /proc/meminfo " /proc/self/mountinfo')).toBe('1\n1')
  // Nor does it matter that the agent was away.
  await agent.kill()
  await lxcfs.kill()
  await lxcfs.start()
  await agent.start({ GANTRY_LXCFS: lxcfs.path })
  expect(await total(id)).toBe('51200')
  await agent.remove(id, { force: true })

  // Who looks after the host sees the host.
  const host = await agent.run({ command, resources, privileged: true })
  expect(Number(await total(host))).toBeGreaterThan(102400)
  expect(Number(await shell(host, 'grep -c ^processor /proc/cpuinfo'))).toBe(availableParallelism())
  for (const one of [host, early]) await agent.remove(one, { force: true })
})
