import { type Entry, tarOf } from '@gantry/engine/testing'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { developerPolicy, type InputOf } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuildOptions, buildTar } from './testing/builds.ts'
import { settledCounts } from './testing/kernel-counts.ts'
import { TestAgent } from './testing/test-agent.ts'

/** Dockerfiles with every instruction, built on the built-in busybox through the agent's socket. */
let agent: TestAgent
const projectId = 'default'

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const build = async (dockerfile: string, files: readonly Entry[] = [], options: BuildOptions = {}, signal?: AbortSignal) =>
  buildTar(agent, await tarOf([{ name: 'Dockerfile', content: dockerfile }, ...files]), options, signal)
const inspect = (image: string) => agent.client.call('image.inspect', { projectId, image })

/** What a container of the image says. */
async function say(image: string, ...command: string[]): Promise<string> {
  const id = await agent.run({ image, ...(command.length > 0 ? { command } : {}) })
  await agent.wait(id)
  const lines = await agent.logs(id)
  await agent.remove(id)
  return lines.join('\n')
}

const lines = (...text: string[]) => `${text.join('\n')}\n`
/** Dockerfile variables, which linters take for a template's. */
const variable = (name: string) => `$\{${name}}`

describe('instructions', () => {
  test('configuration, in docker’s words and history', async () => {
    const dockerfile = lines(
      'FROM busybox',
      'MAINTAINER somebody',
      'ENV A=1 B="two words" C=$A',
      'ENV D one line $A',
      'LABEL a=b "c d"="e f"',
      'EXPOSE 80 53/udp 8000-8002',
      'VOLUME /data',
      'VOLUME ["/json"]',
      'USER www-data',
      'WORKDIR /srv',
      'WORKDIR sub',
      'STOPSIGNAL SIGINT',
      'HEALTHCHECK --interval=1m30s --retries=5 CMD echo hi',
      'SHELL ["/bin/sh", "-ec"]',
      'ENTRYPOINT ["/bin/echo", "in"]',
      'CMD ["a", "b"]',
    )
    const { id, text } = await build(dockerfile, [], { references: ['config:1'], labels: { extra: 'of $me' } })
    const { config, history } = await inspect('config:1')
    // The second pair of one instruction does not see the first.
    expect(config.env).toEqual(expect.arrayContaining(['A=1', 'B=two words', 'C=', 'D=one line 1']))
    expect(config).toMatchObject({
      labels: { a: 'b', 'c d': 'e f', extra: 'of $me' },
      exposedPorts: ['80/tcp', '53/udp', '8000/tcp', '8001/tcp', '8002/tcp'],
      volumes: ['/data', '/json'],
      ...{ user: 'www-data', workingDir: '/srv/sub', stopSignal: 'SIGINT', entrypoint: ['/bin/echo', 'in'], command: ['a', 'b'] },
      healthcheck: { test: ['CMD-SHELL', 'echo hi'], intervalMs: 90_000, retries: 5 },
    })
    expect(await say('config:1')).toBe('in a b')
    expect(text).toContain('Step 1/17 : FROM busybox\n ---> ')
    expect(text).toContain('Step 15/17 : ENTRYPOINT ["/bin/echo", "in"]\n')
    expect(text.endsWith(`Successfully built ${id.slice(7, 19)}\nSuccessfully tagged config:1\n`)).toBe(true)
    expect(history[1]).toMatchObject({ createdBy: '/bin/sh -ec #(nop)  CMD ["a" "b"]', empty: true })
  })

  test('RUN: shell and exec form, user, folder, here-documents, what it deletes', async () => {
    const dockerfile = lines(
      'FROM busybox',
      'WORKDIR /w',
      'RUN echo shell $((1+2)) > a && \\',
      '    # a comment',
      '    rm -r /var/spool',
      'RUN ["/bin/sh", "-c", "echo exec > b; echo loud; echo err >&2"]',
      'USER 33',
      'RUN id -u > /tmp/id',
      'USER 0',
      'RUN <<END',
      'echo here > c',
      'echo $HOME > d',
      'END',
      'RUN <<"END"',
      '#!/bin/busybox sh',
      'echo interpreted > e',
      'END',
      'RUN cat <<END > f',
      'body',
      'END',
      'SHELL ["/bin/busybox", "sh", "-c"]',
      'RUN echo other > g',
    )
    const { text } = await build(dockerfile, [], { references: ['run:1'] })
    expect(text).toMatch(
      / ---> Running in [0-9a-f]{12}\n(loud\nerr|err\nloud)\nRemoving intermediate container [0-9a-f]{12}\n ---> [0-9a-f]{12}\n/,
    )
    const seen = await say('run:1', 'sh', '-c', 'cd /w; cat a b c e f g /tmp/id; ls -A / /var')
    expect(seen).toMatch(/^shell 3\nexec\nhere\ninterpreted\nbody\nother\n33\n/)
    expect(seen).not.toMatch(/spool|heredoc/)
  })

  test('COPY and ADD: globs, folders, owners, modes, archives, links, here-documents', async () => {
    const archive = gzipSync(await tarOf([{ name: 'inside/x', content: 'from tar', uid: 5, gid: 6 }]))
    const files: Entry[] = [
      { name: 'one.txt', content: '1', mode: 0o600, uid: 1000 },
      { name: 'two.txt', content: '2' },
      { name: 'dir/', type: 'directory' },
      { name: 'dir/a', content: 'a' },
      { name: 'dir/deep/b', content: 'b', mode: 0o755 },
      { name: 'dir/link', type: 'symlink', linkname: 'a' },
      { name: 'to-one', type: 'symlink', linkname: 'one.txt' },
      { name: 'evil', type: 'symlink', linkname: '/etc/shadow' },
      { name: 'x.tar.gz', content: archive },
      { name: 'with space', content: 's' },
      { name: 'ignored.log', content: 'no' },
      { name: 'keep.log', content: 'yes' },
      { name: '.dockerignore', content: '*.log\n!keep.log\nDockerfile\n' },
    ]
    const dockerfile = lines(
      'FROM busybox',
      'ARG who=33:34',
      'WORKDIR /w',
      'COPY one.txt renamed',
      'COPY *.txt dir/ txts/',
      'COPY dir .',
      'COPY --chown=$who --chmod=640 two.txt /w/owned',
      'COPY --chown=www-data to-one followed',
      'COPY ["with space", "/w/spaced"]',
      'COPY x.tar.gz packed.tgz',
      'ADD x.tar.gz unpacked/',
      'ADD two.txt /w/added',
      'COPY . /all/',
      'COPY <<one <<"two" docs/',
      `of ${variable('who')} and "quotes"`,
      'one',
      `of ${variable('who')}`,
      'two',
    )
    await build(dockerfile, files, { references: ['copy:1'] })
    const script = [
      "cat renamed; echo; stat -c '%a %u' renamed; ls txts; cat a deep/b; echo; readlink link; stat -c '%a %u %g' owned",
      "stat -c %u followed; cat spaced; echo; wc -c < packed.tgz; cat unpacked/inside/x; echo; stat -c '%u %g' unpacked/inside/x",
      'cat added; echo; ls -A /all; cat docs/one docs/two',
    ]
    expect((await say('copy:1', 'sh', '-c', `cd /w; ${script.join('; ')}`)).split('\n')).toEqual([
      ...['1', '600 0', 'a', 'deep', 'link', 'one.txt', 'two.txt', 'ab', 'a', '640 33 34'],
      ...['33', 's', String(archive.length), 'from tar', '5 6', '2'],
      ...['.dockerignore', 'dir', 'evil', 'keep.log', 'one.txt', 'to-one', 'two.txt', 'with space', 'x.tar.gz'],
      ...['of 33:34 and "quotes"', `of ${variable('who')}`],
    ])
  })

  test('stages: names, numbers, other images, targets, arguments before and after FROM', async () => {
    const dockerfile = lines(
      'ARG BASE=busybox',
      'ARG VERSION=1',
      `FROM ${variable('BASE')}:latest AS first`,
      'ARG VERSION',
      `ARG OTHER=${variable('VERSION:-none')}`,
      'RUN echo "$VERSION $OTHER" > /made; chown 7:8 /made',
      'FROM first AS second',
      'RUN echo second > /second',
      'FROM scratch',
      'COPY --from=first /made /a',
      'COPY --from=1 /second /made /b/',
      'COPY --from=busybox /bin/busybox /bin/sh',
      'COPY --from=second /bin/bus* /etc/',
      'CMD ["/bin/sh", "-c", "read x < /a; echo $x"]',
    )
    const buildArgs = { VERSION: '2', UNUSED: 'x', HTTP_PROXY: 'p' }
    const { text } = await build(dockerfile, [], { references: ['stages:1'], buildArgs })
    expect(text).toContain('[Warning] One or more build-args [UNUSED] were not consumed')
    expect((await inspect('stages:1')).layers).toHaveLength(4)
    expect(await say('stages:1')).toBe('2 2')
    await build(dockerfile, [], { references: ['stages:first'], target: 'first' })
    expect(await say('stages:first', 'sh', '-c', 'cat /made; stat -c %u:%g /made; ls /second 2>&1')).toMatch(/^1 1\n7:8\nls: .*No such/)
    await expect(build(dockerfile, [], { target: 'none' })).rejects.toMatchObject({
      message: 'failed to reach build target none in Dockerfile',
    })
  })

  test('ONBUILD waits for the next build, once', async () => {
    const base = lines('FROM busybox', 'ONBUILD COPY f /f', 'ONBUILD RUN echo $(cat /f) > /g', 'RUN test ! -e /g')
    await build(base, [], { references: ['on:1'] })
    const { text } = await build('FROM on:1\nRUN test -e /g', [{ name: 'f', content: 'late' }], { references: ['on:2'] })
    expect(text).toContain('# Executing 2 build triggers\n')
    expect(await say('on:2', 'cat', '/g')).toBe('late')
    await build('FROM on:2\nRUN true')
  })
})

describe('cache', () => {
  const dockerfile = lines('FROM busybox', 'ARG A=1', 'RUN date +%s%N > /t', 'COPY f /f', 'RUN cat /f; echo $A')
  const steps = (text: string) => text.split('Using cache').length - 1
  const file = (content: string, mtime = 1e12) => [{ name: 'f', content, mtime: new Date(mtime) }]

  test('what is the same is taken over; a changed file or argument begins anew from there', async () => {
    const first = await build(dockerfile, file('x'))
    expect(steps(first.text)).toBe(0)
    expect(await build(dockerfile, file('x', 1.1e12))).toMatchObject({ id: first.id })
    const changed = await build(dockerfile, file('y'))
    expect([steps(changed.text), changed.id === first.id]).toEqual([2, false])
    expect(steps((await build(dockerfile, file('x'), { buildArgs: { A: '2' } })).text)).toBe(1)
    expect(steps((await build(dockerfile, file('x'), { noCache: true })).text)).toBe(0)
    expect((await agent.client.call('image.pruneBuilds', { projectId, all: true })).deleted.length).toBeGreaterThan(0)
    expect(steps((await build(dockerfile, file('x'))).text)).toBe(0)
  })

  test('survives the agent, and --cache-from takes over what another image was made by', async () => {
    const first = await build(dockerfile, file('z'), { references: ['cached:1'] })
    await agent.kill()
    await agent.start()
    expect(await build(dockerfile, file('z'))).toMatchObject({ id: first.id })
    await agent.client.call('image.pruneBuilds', { projectId, all: true })
    const from = await build(dockerfile, file('z'), { cacheFrom: ['cached:1', 'not-here:1'] })
    expect(steps(from.text)).toBe(4)
    expect((await inspect(from.id)).layers).toEqual((await inspect('cached:1')).layers)
  })

  test('steps are no images: they are listed nowhere, and go when they are pruned', async () => {
    await build('FROM busybox\nRUN head -c 3000000 /dev/urandom > /big\nRUN rm /big', [], { references: ['slim:1'] })
    const before = (await agent.client.call('image.list', { projectId })).length
    await build('FROM slim:1\nRUN head -c 3000000 /dev/urandom > /big\nRUN exit 1').catch(() => undefined)
    expect((await agent.client.call('image.list', { projectId })).length).toBe(before)
    expect((await agent.client.call('image.pruneBuilds', { projectId, all: true })).reclaimedBytes).toBeGreaterThan(3_000_000)
  })

  test('its sizes add up, and it is pruned by what images have, by id, by size and by age', async () => {
    await agent.client.call('image.pruneBuilds', { projectId, all: true })
    const usage = async () => {
      const [project] = await agent.client.call('project.usage', { ids: [projectId] })
      return project?.diskBytes ?? 0
    }
    const kept = () => agent.client.call('image.buildCache', { projectId })
    const bytes = async () => (await kept()).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const prune = (options: Omit<InputOf<'image.pruneBuilds'>, 'projectId'>) =>
      agent.client.call('image.pruneBuilds', { projectId, ...options })
    const before = await usage()
    const mebibyte = (name: string) => `RUN head -c 1048576 /dev/urandom > /${name}`
    await build(lines('FROM busybox', mebibyte('a'), 'ENV A=1', mebibyte('b')), [], { references: ['counted:1'] })
    const shared = await kept()
    expect(shared.map(({ sizeBytes, shared, uses }) => [sizeBytes, shared, uses])).toEqual(Array(3).fill([0, true, 1]))
    expect(shared[0]).toMatchObject({ description: expect.stringContaining('/dev/urandom > /b'), parents: [shared[1]?.id], inUse: false })
    await build(lines('FROM busybox', mebibyte('a'), 'ENV A=1', mebibyte('c'), mebibyte('d')), [], { references: ['counted:2'] })
    // Without their images the steps keep their files.
    for (const image of ['counted:1', 'counted:2']) await agent.client.call('image.remove', { projectId, image })
    expect((await kept()).map(({ sizeBytes, uses }) => [sizeBytes >> 20, uses])).toEqual([...Array(3).fill([1, 1]), [0, 2], [1, 2]])
    expect((await usage()) - before).toBe(await bytes())
    const [last] = await kept()
    expect(await prune({ ids: ['0000'] })).toMatchObject({ deleted: [] })
    expect(await prune({ ids: [last?.id.slice(0, 12) ?? ''] })).toMatchObject({ deleted: [last?.id] })
    expect(await prune({ unusedMs: 3_600_000 })).toMatchObject({ deleted: [] })
    // The longest unused build goes first, and of it the step that no other stands on.
    await build(lines('FROM busybox', mebibyte('a'), 'ENV A=1', mebibyte('c')), [], { references: ['counted:3'] })
    await agent.client.call('image.remove', { projectId, image: 'counted:3' })
    expect(await bytes()).toBe(3 << 20)
    await prune({ keepBytes: 2 << 20 })
    expect((await kept()).map(({ description }) => /> \/(.)$/.exec(description)?.[1])).toEqual(['c', undefined, 'a'])
    // Every build tidies up behind itself.
    await build('FROM busybox\nRUN true', [], { limits: { maxBytes: 1 << 30, cacheBytes: 1 << 20 } })
    expect((await kept()).map(({ description }) => /> \/(.)$/.exec(description)?.[1] ?? '')).toEqual(expect.arrayContaining(['', 'a']))
    expect(await bytes()).toBe(1 << 20)
    expect((await prune({ all: true })).reclaimedBytes).toBeGreaterThan(1 << 20)
    expect([await kept(), await usage()]).toEqual([[], before])
  })
})

describe('refusals', () => {
  test.each([
    ['FROM busybox\nRUN exit 3', "The command '/bin/sh -c exit 3' returned a non-zero code: 3"],
    [
      'FROM busybox\nCOPY missing /',
      'COPY failed: file not found in build context or excluded by .dockerignore: stat missing: file does not exist',
    ],
    ['FROM busybox\nCOPY *.none /', 'COPY failed: no source files were specified'],
    ['FROM busybox\nCOPY a b /to', 'the destination must be a directory and end with a /'],
    ['FROM busybox\nADD https://example.com/x.git /', 'ADD of a git repository requires BuildKit'],
    ['FROM busybox\nCOPY https://example.com/x /', "Source can't be a URL for COPY"],
    ['FROM busybox\nRUN --mount=type=cache,target=/x true', 'the --mount option of RUN requires BuildKit'],
    ['FROM busybox\nCOPY --chown=nobody-such a /a', 'no such user in the container: nobody-such'],
    ['RUN true', 'no build stage in current context'],
    ['FROM busybox\nBAD x', 'unknown instruction: BAD'],
    ['FROM busybox\nCOPY evil /x', 'file does not exist'],
    ['FROM busybox\nEXPOSE 99999', 'invalid containerPort: 99999'],
  ])('%j', async (dockerfile, message) => {
    const files: Entry[] = [
      { name: 'a', content: '' },
      { name: 'b', content: '' },
      { name: 'evil', type: 'symlink', linkname: '../../../../../../etc/shadow' },
    ]
    await expect(build(dockerfile, files, { noCache: true })).rejects.toMatchObject({ message: expect.stringContaining(message) })
    await expect.poll(() => readdirSync(`${agent.dataDir}/containers`)).toEqual([])
    expect(readdirSync(`${agent.dataDir}/build/tmp`)).toEqual([])
  })

  test('a Dockerfile that is a link out of the context, or is not there', async () => {
    const tar = await tarOf([{ name: 'Dockerfile', type: 'symlink', linkname: '/etc/passwd' }])
    await expect(buildTar(agent, tar)).rejects.toMatchObject({ message: 'Cannot locate specified Dockerfile: Dockerfile' })
    await expect(build('FROM busybox', [], { dockerfile: 'other/Dockerfile' })).rejects.toMatchObject({ code: 'invalid_input' })
  })

  test('the caller’s policy holds for RUN', async () => {
    const policy = developerPolicy
    await expect(build('FROM busybox\nRUN --network=host true', [], { policy })).rejects.toMatchObject({ code: 'forbidden' })
    await build('FROM busybox\nRUN --network=none ! ip link | grep eth0', [], { policy, noCache: true })
  })
})

test('RUN has the network, limits and hosts that were asked for', async () => {
  const options: BuildOptions = {
    resources: { memoryBytes: 64 << 20 },
    extraHosts: ['thing:1.2.3.4'],
    shmSizeBytes: 8 << 20,
    ulimits: [{ name: 'nofile', soft: 77, hard: 77 }],
  }
  const { text } = await build('FROM busybox\nRUN cat /etc/hosts; ulimit -n; df -k /dev/shm; ip addr show eth0', [], options)
  expect(text).toMatch(/1\.2\.3\.4\s+thing/)
  expect(text).toContain('\n77\n')
  expect(text).toMatch(/\s8192\s/)
  expect(text).toContain('inet ')
})

test('a client that goes away ends the running step, and nothing stays', async () => {
  await build('FROM busybox\nRUN true')
  const before = await settledCounts(agent)
  const abort = new AbortController()
  const building = build('FROM busybox\nRUN echo begun; sleep 1000', [], { cgroupParent: '/steps' }, abort.signal)
  building.catch(() => undefined)
  const groups = () => execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', '*/sub-steps/*'], { encoding: 'utf8' })
  await expect.poll(groups).toContain(`/${projectId}/sub-steps/`)
  await expect.poll(() => readdirSync(`${agent.dataDir}/containers`).length).toBe(1)
  expect(await agent.client.call('container.list', { projectId })).toEqual([])
  abort.abort()
  await expect(building).rejects.toBeDefined()
  await expect.poll(() => readdirSync(`${agent.dataDir}/containers`)).toEqual([])
  await expect.poll(() => readdirSync(`${agent.dataDir}/build/tmp`)).toEqual([])
  // A monitor whose viewer left early keeps what was not read for a moment.
  await expect.poll(() => settledCounts(agent), { timeout: 60_000 }).toEqual(before)
})

test('killed in the middle of a step: the container and the context are gone, and what was complete is kept', async () => {
  const building = build('FROM busybox\nRUN echo first > /f\nRUN sleep 1000')
  building.catch(() => undefined)
  await expect.poll(() => readdirSync(`${agent.dataDir}/containers`).length).toBe(1)
  await agent.kill()
  await expect(building).rejects.toBeDefined()
  await agent.start()
  await expect.poll(() => readdirSync(`${agent.dataDir}/containers`)).toEqual([])
  expect(readdirSync(`${agent.dataDir}/build/tmp`)).toEqual([])
  const { text } = await build('FROM busybox\nRUN echo first > /f\nRUN cat /f')
  expect(text).toContain('first\n')
})
