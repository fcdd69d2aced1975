import { tarOf, untar } from '@gantry/engine/testing'
import type { InputOf } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { get, importTar, put } from './testing/archives.ts'
import { settledCounts } from './testing/kernel-counts.ts'
import { TestAgent } from './testing/test-agent.ts'

/** Images of what containers wrote, and of file systems that come as a tar. */
let agent: TestAgent
const projectId = 'default'

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const commit = (container: string, options: Partial<InputOf<'container.commit'>> = {}) =>
  agent.client.call('container.commit', { projectId, container, ...options })
const inspect = (image: string) => agent.client.call('image.inspect', { projectId, image })

describe('commit', () => {
  test('what was added, changed, deleted and replaced is in the image, as one layer over the others', async () => {
    const base = await inspect('busybox')
    const script = [
      'echo changed > /etc/passwd; chmod 640 /etc/passwd; chown 33:33 /etc/passwd',
      'rm /etc/group; rm -r /var; mkdir -p /var/new; echo x > /var/new/x',
      'mkdir /one; echo hard > /one/a; ln /one/a /one/b; ln -s a /one/c; chmod u+s /one/a',
    ].join('; ')
    const id = await agent.run({ command: ['sh', '-c', `${script}; sleep 1000`], env: ['OWN=1'] })
    await expect.poll(async () => (await agent.exec(id, ['ls', '/one'])).stdout).toBe('a\nb\nc\n')
    const { id: image } = await commit(id, {
      reference: 'made:1',
      author: 'me',
      comment: 'by hand',
      changes: ['CMD ["cat", "/etc/passwd"]', 'ENV MORE=$OWN LABEL=x', 'LABEL a=b', 'EXPOSE 80'],
    })
    expect((await agent.inspect(id)).state.status).toBe('running')
    const made = await inspect('made:1')
    expect(made).toMatchObject({ id: image, tags: ['made:1'] })
    expect(made.layers.slice(0, -1)).toEqual(base.layers)
    expect(made.config).toMatchObject({ command: ['cat', '/etc/passwd'], labels: { a: 'b' }, exposedPorts: ['80/tcp'] })
    expect(made.config.env).toEqual(expect.arrayContaining(['OWN=1', 'MORE=1', 'LABEL=x']))
    expect(made.history[0]).toMatchObject({ comment: 'by hand', empty: false })
    const check = 'cat /etc/passwd; stat -c "%a %u" /etc/passwd; ls /etc /one /var; stat -c %h /one/b; readlink /one/c; stat -c %a /one/a'
    const copy = await agent.run({ image: 'made:1', command: ['sh', '-c', check] })
    expect((await agent.wait(copy)).exitCode).toBe(0)
    const seen = await agent.logs(copy)
    expect(seen.slice(0, 2)).toEqual(['changed', '640 33'])
    expect(seen).not.toContain('group')
    expect(seen.slice(seen.indexOf('/one:'))).toEqual(['/one:', 'a', 'b', 'c', '', '/var:', 'new', '2', 'a', '4644'])
    await agent.remove(copy)
    await agent.remove(id, { force: true })
  })

  test('a container that changed nothing gives no layer; one that never ran can be committed too', async () => {
    const base = await inspect('busybox')
    const done = await agent.run({ command: ['true'] })
    await agent.wait(done)
    const { id } = await agent.create({ command: ['sh'] })
    for (const container of [done, id]) {
      const { id: image } = await commit(container)
      expect((await inspect(image)).layers).toEqual(base.layers)
      expect((await inspect(image)).history[0]).toMatchObject({ empty: true })
      await agent.remove(container)
    }
  })

  test('what is no change command is refused, and nothing is made', async () => {
    const { id } = await agent.create({ command: ['sh'] })
    const before = (await agent.client.call('image.list', { projectId })).length
    await expect(commit(id, { changes: ['RUN echo'] })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'RUN is not a valid change command',
    })
    await expect(commit(id, { reference: 'UPPER' })).rejects.toMatchObject({ code: 'invalid_input' })
    expect((await agent.client.call('image.list', { projectId })).length).toBe(before)
    await agent.remove(id)
  })
})

describe('import', () => {
  test('a tar becomes an image that runs, also what an export gave', async () => {
    const { id } = await agent.create({ command: ['sh'] })
    await put(agent, id, '/', await tarOf([{ name: 'mark', content: 'exported' }]))
    const exported = await get(agent, id, 'export')
    const { id: image } = await importTar(agent, exported, {
      reference: 'flat:1',
      message: 'flattened',
      changes: ['CMD ["cat", "/mark"]', 'WORKDIR /tmp'],
    })
    const made = await inspect('flat:1')
    expect(made).toMatchObject({ id: image, config: { command: ['cat', '/mark'], workingDir: '/tmp' } })
    expect(made.layers).toHaveLength(1)
    expect(made.history[0]).toMatchObject({ comment: 'flattened' })
    const run = await agent.run({ image: 'flat:1' })
    expect((await agent.wait(run)).exitCode).toBe(0)
    expect(await agent.logs(run)).toEqual(['exported'])
    await agent.remove(run)
    await agent.remove(id)
  })

  test('what is no tar is refused, and nothing is left', async () => {
    const before = await settledCounts(agent)
    await expect(importTar(agent, Buffer.alloc(5000, 'x'), { reference: 'bad:1' })).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(inspect('bad:1')).rejects.toMatchObject({ code: 'not_found' })
    expect(await settledCounts(agent)).toEqual(before)
  })
})

describe.each(['layer.written', 'blob.adopted', 'layer.unpacked', 'image.unpacked', 'image.recorded'])(
  'killed at %s of a commit',
  (point) => {
    test('the image is there whole or not at all, and the container goes on', async () => {
      const id = await agent.run({ command: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done'] })
      const text = `of ${point} ${Math.random()}`
      await put(agent, id, '/', await tarOf([{ name: 'f', content: text }]))
      await agent.stop()
      await agent.start({ GANTRY_TEST: '1', GANTRY_FAULT: `${point}:kill` })
      await expect(commit(id, { reference: 'crash:1' })).rejects.toBeDefined()
      await agent.ended()
      await agent.start()
      const lines = (await agent.logs(id)).length
      await expect.poll(async () => (await agent.logs(id)).length).toBeGreaterThan(lines)
      const found = await inspect('crash:1').catch((error: { code: string }) => error.code)
      if (found !== 'not_found') {
        const run = await agent.run({ image: 'crash:1', command: ['cat', '/f'] })
        await agent.wait(run)
        expect(await agent.logs(run)).toEqual([text])
        await agent.remove(run)
        await agent.client.call('image.remove', { projectId, image: 'crash:1' })
      }
      await commit(id, { reference: 'again:1' })
      expect((await untar(await get(agent, id, '/f')))[0]).toMatchObject({ content: text })
      await agent.remove(id, { force: true })
    })
  },
)
