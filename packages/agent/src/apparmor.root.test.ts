import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** What the kernel at hand has of AppArmor decides which half of this is asserted. */
const switchFile = '/sys/module/apparmor/parameters/enabled'
const isOn = existsSync(switchFile) && readFileSync(switchFile, 'utf8').startsWith('Y')
const profile = 'gantry-default'

let agent: TestAgent
beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(() => agent[Symbol.asyncDispose]())

const sleeper = { command: ['sleep', '1000'] }
const label = ['cat', '/proc/self/attr/apparmor/current']
const check = async () => (await agent.client.call('system.doctor', {})).find(({ name }) => name === 'AppArmor')

describe.runIf(!isOn)('a kernel without AppArmor', () => {
  test('refuses a profile in words, lets unconfined be, and applies none of its own', async () => {
    await expect(agent.create({ ...sleeper, apparmor: 'some-profile' })).rejects.toMatchObject({
      code: 'unsupported',
      message: 'AppArmor profile some-profile cannot be used: AppArmor is not on in this kernel',
    })
    const ids = [await agent.run(sleeper), await agent.run({ ...sleeper, apparmor: 'unconfined' })]
    expect((await agent.inspect(ids[0] ?? '')).apparmorProfile).toBeUndefined()
    expect(await check()).toMatchObject({ status: 'fallback', found: 'not on in this kernel' })
    for (const id of ids) await agent.remove(id, { force: true })
  })
})

describe.runIf(isOn)('a kernel with AppArmor', () => {
  const loaded = () => readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8').includes(`${profile} (enforce)`)
  const shell = async (id: string, line: string) => (await agent.exec(id, ['sh', '-c', line])).stdout.trim()

  test('confines containers and their execs by default, after a restart of the agent too', async () => {
    expect(await check()).toMatchObject({ status: 'ok', found: `profile ${profile} is loaded` })
    const id = await agent.run({ command: ['sh', '-c', 'cat /proc/self/attr/apparmor/current; sleep 1000'] })
    await expect.poll(() => agent.logs(id)).toEqual([`${profile} (enforce)`])
    expect(await agent.inspect(id)).toMatchObject({ apparmorProfile: profile })
    expect((await agent.exec(id, label)).stdout.trim()).toBe(`${profile} (enforce)`)
    await agent.kill()
    await agent.start()
    expect(await agent.inspect(id)).toMatchObject({ apparmorProfile: profile })
    expect((await agent.exec(id, label)).stdout.trim()).toBe(`${profile} (enforce)`)
    await agent.remove(id, { force: true })
  })

  test('the profile holds where other locks are open, and is in nobody’s way', async () => {
    const open = { maskPaths: false, capAdd: ['SYS_ADMIN' as const], seccomp: 'unconfined', userns: 'host' as const }
    const id = await agent.run({ ...sleeper, ...open })
    const refused = [
      'mount -t tmpfs none /tmp',
      'mount -o remount,rw /sys',
      'mount --bind /tmp /var',
      'echo 1 >/proc/sys/kernel/panic_on_oops',
      'echo 1 >/proc/sys/vm/drop_caches',
      'echo h >/proc/sysrq-trigger',
      'head -c 1 /proc/kcore',
      'ls /sys/firmware',
    ]
    for (const line of refused)
      expect([line, await shell(id, `(${line}) >/dev/null 2>&1 && echo went || echo refused`)]).toEqual([line, 'refused'])
    // The same, with nothing but the profile taken away, goes: it was the profile that refused.
    const free = await agent.run({ ...sleeper, ...open, apparmor: 'unconfined' })
    expect(await shell(free, '(mount -t tmpfs none /tmp) 2>&1 && ls /sys/firmware >/dev/null && echo went')).toBe('went')
    expect(await agent.inspect(free)).toMatchObject({ apparmorProfile: 'unconfined' })
    const usual = [
      'sleep 100 & kill $! && echo went',
      'echo x >/proc/self/comm && echo went',
      'cat /proc/1/status >/dev/null && echo went',
      'touch /tmp/x && chown 1:1 /tmp/x && chmod 4755 /tmp/x && ln -s /tmp/x /tmp/y && rm /tmp/x && echo went',
      'cp /bin/busybox /tmp/busybox && /tmp/busybox true && echo went',
      'unshare -U cat /proc/self/attr/apparmor/current',
    ]
    const plain = await agent.run({ ...sleeper, seccomp: 'unconfined' })
    for (const line of usual)
      expect([line, await shell(plain, line)]).toEqual([line, expect.stringMatching(/^(went|gantry-default \(enforce\))$/)])
    for (const one of [id, free, plain]) await agent.remove(one, { force: true })
  })

  test('privileged means unconfined; a profile that is not loaded fails the start by name', async () => {
    const id = await agent.run({ ...sleeper, privileged: true })
    expect(await agent.inspect(id)).toMatchObject({ apparmorProfile: 'unconfined' })
    expect((await agent.exec(id, label)).stdout.trim()).toBe('unconfined')
    const { id: other } = await agent.create({ ...sleeper, apparmor: 'not-loaded' })
    await expect(agent.client.call('container.start', { projectId: agent.projectId, container: other })).rejects.toMatchObject({
      message: expect.stringContaining('AppArmor profile not-loaded'),
    })
    for (const one of [id, other]) await agent.remove(one, { force: true })
  })

  test('several instances share it, one that finds it gone loads it, and the last one takes it away', async () => {
    const second = await TestAgent.start()
    const id = await agent.run(sleeper)
    await second.stop()
    expect(loaded()).toBe(true)
    await agent.remove(id, { force: true })
    await second.start()
    await second.stop()
    expect(loaded()).toBe(false)
    const again = await agent.run(sleeper)
    expect((await agent.exec(again, label)).stdout.trim()).toBe(`${profile} (enforce)`)
    await agent.stop()
    // What runs goes on being confined while nobody manages it.
    expect(loaded()).toBe(true)
    await agent.start()
    await agent.remove(again, { force: true })
    await second[Symbol.asyncDispose]()
  })
})
