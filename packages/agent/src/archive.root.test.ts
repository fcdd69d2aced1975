import { tarOf, untar } from '@gantry/engine/testing'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { get, put, stat } from './testing/archives.ts'
import { TestAgent } from './testing/test-agent.ts'

/** Files into containers and out of them, on real containers of the built-in busybox, through the agent's socket. */
let agent: TestAgent
const projectId = 'default'
const sleeper = { command: ['sleep', '1000'] }

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

/** The same on a container that runs and on one that never did. */
const states = [
  ['running', (spec: object = {}) => agent.run({ ...sleeper, ...spec })],
  ['stopped', async (spec: object = {}) => (await agent.create({ ...sleeper, ...spec })).id],
] as const

describe.each(states)('a %s container', (state, make) => {
  test('files go in and come out as they are: owner, mode, time, links', async () => {
    const id = await make()
    const mtime = new Date('2020-02-03T04:05:06Z')
    const tar = await tarOf([
      { name: 'd/', type: 'directory', mode: 0o750, uid: 7, gid: 8, mtime },
      { name: 'd/file', content: 'hello', mode: 0o4755, uid: 1000, gid: 1001, mtime },
      { name: 'd/link', type: 'symlink', linkname: '/etc/passwd' },
      { name: 'd/hard', type: 'link', linkname: 'd/file' },
      { name: 'd/pipe', type: 'fifo' },
    ])
    await put(agent, id, '/tmp', gzipSync(tar))
    const out = await untar(await get(agent, id, '/tmp/d'))
    expect(out.map(({ name }) => name)).toEqual(['d/', 'd/file', 'd/hard', 'd/link', 'd/pipe'])
    expect(out[0]).toMatchObject({ type: 'directory', mode: 0o750, uid: 7, gid: 8, mtime })
    expect(out[1]).toMatchObject({ type: 'file', mode: 0o4755, uid: 1000, gid: 1001, mtime, content: 'hello' })
    expect(out[2]).toMatchObject({ type: 'link', linkname: 'd/file' })
    expect(out[3]).toMatchObject({ type: 'symlink', linkname: '/etc/passwd' })
    expect(out[4]).toMatchObject({ type: 'fifo' })
    expect(await stat(agent, id, '/tmp/d/file')).toEqual({
      name: 'file',
      size: 5,
      mode: 0o104755,
      mtime: mtime.toISOString(),
      linkTarget: '',
    })
    if (state === 'stopped') await agent.client.call('container.start', { projectId, container: id })
    expect((await agent.exec(id, ['sh', '-c', 'stat -c "%u %g %a" /tmp/d/file; cat /tmp/d/hard'])).stdout).toBe('1000 1001 4755\nhello')
    await agent.remove(id, { force: true })
  })

  test('links never lead out of the container, whichever way they are met', async () => {
    const secret = `/var/tmp/gantry-secret-${process.pid}`
    writeFileSync(secret, 'of the host')
    try {
      const id = await make()
      await put(agent, id, '/', await tarOf([{ name: 'up', type: 'symlink', linkname: '../../../../../../..' }]))
      await put(agent, id, '/tmp', await tarOf([{ name: 'out', type: 'symlink', linkname: '/' }]))
      for (const path of [`/up${secret}`, `/tmp/out${secret}`, `/..${secret}`]) {
        await expect(get(agent, id, path)).rejects.toMatchObject({ code: 'not_found' })
      }
      // Through a link of the container, and through one of the tar itself.
      await put(agent, id, '/up/var/tmp', await tarOf([{ name: 'in', content: 'inside' }]))
      await put(
        agent,
        id,
        '/',
        await tarOf([
          { name: 'w', type: 'symlink', linkname: '/var/tmp' },
          { name: 'w/in2', content: 'inside' },
        ]),
      )
      expect(existsSync('/var/tmp/in') || existsSync('/var/tmp/in2')).toBe(false)
      expect((await untar(await get(agent, id, '/var/tmp/in')))[0]).toMatchObject({ content: 'inside' })
      expect((await untar(await get(agent, id, '/var/tmp/in2')))[0]).toMatchObject({ content: 'inside' })
      await expect(put(agent, id, '/tmp', await tarOf([{ name: '../../evil', content: 'x' }]))).rejects.toMatchObject({
        code: 'invalid_input',
      })
      await expect(put(agent, id, '/tmp', await tarOf([{ name: 'h', type: 'link', linkname: '../../etc/shadow' }]))).rejects.toMatchObject({
        code: 'invalid_input',
      })
      await agent.remove(id, { force: true })
    } finally {
      rmSync(secret)
    }
  })

  test('a link is told as itself; with a slash it is what it leads to', async () => {
    const id = await make()
    await put(
      agent,
      id,
      '/tmp',
      await tarOf([
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: '/etc' },
      ]),
    )
    expect(await stat(agent, id, '/tmp/a')).toMatchObject({ name: 'a', mode: 0o120777, linkTarget: '/etc' })
    expect(await stat(agent, id, '/tmp/a/')).toMatchObject({ name: 'a', mode: 0o40755, linkTarget: '' })
    expect((await untar(await get(agent, id, '/tmp/a'))).map(({ name }) => name)).toEqual(['a'])
    expect((await untar(await get(agent, id, '/tmp/a/.'))).map(({ name }) => name)).toContain('./passwd')
    expect((await untar(await get(agent, id, '/tmp/a/'))).map(({ name }) => name)).toContain('a/passwd')
    await agent.remove(id, { force: true })
  })

  test('volumes are seen where they are mounted, and a read-only one or root is refused', async () => {
    const mounts = [
      { type: 'volume' as const, source: `data-${state}`, target: '/data', readOnly: false, noCopy: false },
      { type: 'volume' as const, source: `ro-${state}`, target: '/fixed/deep', readOnly: true, noCopy: false },
    ]
    const id = await make({ mounts, readonlyRootfs: true })
    await put(agent, id, '/data', await tarOf([{ name: 'f', content: 'in the volume', uid: 5 }]))
    expect((await untar(await get(agent, id, '/data/f')))[0]).toMatchObject({ content: 'in the volume', uid: 5 })
    for (const path of ['/fixed/deep', '/etc']) {
      await expect(put(agent, id, path, await tarOf([{ name: 'f', content: '' }]))).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining('read-only'),
      })
    }
    const [volume] = (await agent.client.call('volume.list', { projectId })).filter(({ name }) => name === `data-${state}`)
    expect(readFileSync(`${volume?.mountpoint}/f`, 'utf8')).toBe('in the volume')
    // What is mounted is no part of an export.
    const exported = (await untar(await get(agent, id, 'export'))).map(({ name }) => name)
    expect(exported).toContain('bin/busybox')
    expect(exported.filter((name) => name.startsWith('data/') || name.startsWith('proc/'))).toEqual(
      exported.filter((name) => name === 'data/' || name === 'proc/'),
    )
    await agent.remove(id, { force: true })
  })

  test('folders and other things replace each other only when they may', async () => {
    const id = await make()
    await put(
      agent,
      id,
      '/tmp',
      await tarOf([
        { name: 'd/', type: 'directory' },
        { name: 'd/x', content: '' },
        { name: 'f', content: '' },
      ]),
    )
    const folderByFile = await tarOf([{ name: 'd', content: 'file' }])
    const fileByFolder = await tarOf([{ name: 'f/', type: 'directory' }])
    for (const tar of [folderByFile, fileByFolder]) {
      await expect(put(agent, id, '/tmp', tar, { noOverwriteDirNonDir: true })).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringContaining('cannot overwrite'),
      })
      await put(agent, id, '/tmp', tar)
    }
    expect(await stat(agent, id, '/tmp/d')).toMatchObject({ size: 4 })
    expect((await stat(agent, id, '/tmp/f')).mode & 0o170000).toBe(0o40000)
    await expect(put(agent, id, '/etc/passwd', folderByFile)).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(put(agent, id, '/no/such', folderByFile)).rejects.toMatchObject({ code: 'not_found' })
    await agent.remove(id, { force: true })
  })

  test('ids: the container’s user for all, and none that no container has', async () => {
    const id = await make({ user: 'www-data' })
    await put(agent, id, '/tmp', await tarOf([{ name: 'mine', content: '', uid: 7, gid: 7 }]), { copyUidGid: true })
    expect((await untar(await get(agent, id, '/tmp/mine')))[0]).toMatchObject({ uid: 33, gid: 33 })
    await expect(put(agent, id, '/tmp', await tarOf([{ name: 'x', content: '', uid: 70_000 }]))).rejects.toMatchObject({
      code: 'invalid_input',
    })
    await agent.remove(id, { force: true })
  })

  test('damaged and oversized tars, and what is no tar, are refused', async () => {
    const id = await make()
    const tar = await tarOf([{ name: 'f', content: Buffer.alloc(100_000, 1) }])
    await expect(
      put(agent, id, '/tmp', Buffer.from('this is not a tar archive, but it is longer than a block'.repeat(20))),
    ).rejects.toMatchObject({
      code: 'invalid_input',
    })
    await expect(put(agent, id, '/tmp', tar.subarray(0, 60_000))).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(put(agent, id, '/tmp', tar, { limits: { maxBytes: 50_000 } })).rejects.toMatchObject({ code: 'quota_exceeded' })
    await agent.remove(id, { force: true })
  })
})

describe('a running container', () => {
  test('its tmpfs and its own files of /etc are what it sees itself; procfs is nobody’s file', async () => {
    const id = await agent.run({ ...sleeper, mounts: [{ type: 'tmpfs', target: '/mem' }], hostname: 'web' })
    await put(agent, id, '/mem', await tarOf([{ name: 'f', content: 'in memory', uid: 9 }]))
    expect((await agent.exec(id, ['sh', '-c', 'cat /mem/f; stat -c %u /mem/f'])).stdout).toBe('in memory9\n')
    expect((await untar(await get(agent, id, '/etc/hostname')))[0]).toMatchObject({ content: 'web\n' })
    // Something is mounted on it, so it is written in place.
    await put(agent, id, '/etc', await tarOf([{ name: 'hostname', content: 'other\n' }]))
    expect((await agent.exec(id, ['cat', '/etc/hostname'])).stdout).toBe('other\n')
    for (const path of ['/proc/1/environ', '/sys/kernel', '/proc']) {
      await expect(get(agent, id, path)).rejects.toMatchObject({ code: 'invalid_input' })
    }
    await expect(put(agent, id, '/proc/sys/kernel', await tarOf([{ name: 'hostname', content: 'x' }]))).rejects.toMatchObject({
      code: 'invalid_input',
    })
    await agent.remove(id, { force: true })
  })

  test('what is written counts against its memory limit', async () => {
    const id = await agent.run({ ...sleeper, mounts: [{ type: 'tmpfs', target: '/mem' }], resources: { memoryBytes: 64 << 20 } })
    const tar = await tarOf([{ name: 'big', content: Buffer.alloc(100 << 20, 1) }])
    await expect(put(agent, id, '/mem', tar)).rejects.toBeDefined()
    await agent.remove(id, { force: true })
  })

  test('a paused one can be read and written', async () => {
    const id = await agent.run(sleeper)
    await agent.client.call('container.pause', { projectId, container: id })
    await put(agent, id, '/tmp', await tarOf([{ name: 'f', content: 'x' }]))
    expect((await untar(await get(agent, id, '/tmp/f')))[0]).toMatchObject({ content: 'x' })
    await agent.remove(id, { force: true })
  })

  test('an image cannot put a library into the copying process', async () => {
    const id = await agent.run({ ...sleeper })
    const libraries = [
      'lib/x86_64-linux-gnu/libnss_files.so.2',
      'lib64/libgcc_s.so.1',
      'usr/lib/x86_64-linux-gnu/gconv/UTF-16.so',
      'lib/libgcc_s.so.1',
    ]
    await put(agent, id, '/', await tarOf(libraries.map((name) => ({ name, content: '\u007fELF no library', mode: 0o755 }))))
    await put(agent, id, '/tmp', await tarOf([{ name: 'ä ö', content: 'x' }]))
    const names = (await untar(await get(agent, id, '/tmp'))).map(({ name }) => name)
    expect(names).toContain('tmp/ä ö')
    await agent.remove(id, { force: true })
  })
})

test('200 MB go in and come out unchanged', async () => {
  const id = await agent.run(sleeper)
  const block = Buffer.alloc(1 << 20)
  for (let i = 0; i < block.length; i += 4) block.writeUInt32LE((i * 2654435761) >>> 0, i)
  const content = Buffer.concat(Array.from({ length: 200 }, () => block))
  await put(agent, id, '/tmp', await tarOf([{ name: 'big', content }]))
  const tar = await get(agent, id, '/tmp/big')
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const header = tar.indexOf(block.subarray(0, 4096))
  expect(hash(tar.subarray(header, header + content.length))).toBe(hash(content))
  await agent.remove(id, { force: true })
})

test('a reader that goes away leaves no process behind', async () => {
  const id = await agent.run(sleeper)
  await put(agent, id, '/tmp', await tarOf([{ name: 'big', content: Buffer.alloc(50 << 20, 1) }]))
  const abort = new AbortController()
  const { channel, result } = agent.client.duplex(
    'container.archiveGet',
    { projectId, container: id, path: '/tmp/big' },
    { signal: abort.signal },
  )
  for await (const bytes of channel.incoming) {
    expect(bytes.length).toBeGreaterThan(0)
    break
  }
  abort.abort()
  await expect(result).rejects.toBeDefined()
  await expect.poll(() => children(agent.pid)).not.toContain('gantry-archive')
  await agent.remove(id, { force: true })
})

function children(pid: number): string[] {
  const ids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return ids.map((child) => (existsSync(`/proc/${child}/comm`) ? readFileSync(`/proc/${child}/comm`, 'utf8').trim() : ''))
}
