import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Entry, mountLoopBtrfs, tarOf, untar } from '@gantry/engine/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { get, importTar, put, stat } from './testing/archives.ts'
import { buildTar } from './testing/builds.ts'
import { TestAgent } from './testing/test-agent.ts'

/** Images made on every storage driver: the same steps give the same files, whatever they lie on. */
const lab = mkdtempSync('/var/lib/gantry-test-build-')
const btrfs = join(lab, 'btrfs')

let unmount: () => void
beforeAll(() => {
  unmount = mountLoopBtrfs(lab)
})
afterAll(() => {
  unmount()
  rmSync(lab, { recursive: true, force: true })
})

/** cap_net_raw+ep, as `setcap` writes it (VFS_CAP_REVISION_2). */
const capability = Buffer.from([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
const base: Entry[] = [
  { name: 'base/', type: 'directory', mode: 0o750, uid: 7, gid: 8 },
  { name: 'base/attributes', content: 'attributes', pax: { 'SCHILY.xattr.user.mine': 'kept' } },
  { name: 'base/capable', content: 'capable', mode: 0o755, pax: { 'SCHILY.xattr.security.capability': capability.toString('latin1') } },
  { name: 'base/hard', content: 'hard' },
  { name: 'base/link', type: 'link', linkname: 'base/hard' },
  { name: 'base/gone/', type: 'directory' },
  { name: 'base/gone/file', content: 'gone' },
  { name: 'base/replaced/', type: 'directory' },
  { name: 'base/replaced/old', content: 'old' },
]
const still = (...paths: string[]) => `touch -h -d @1000000000 ${paths.join(' ')}`
const dockerfile = [
  'FROM base:1',
  'COPY --from=busybox /bin /bin',
  'COPY copied /base/',
  `RUN rm -r /base/gone /base/replaced; mkdir /base/replaced /made; echo new > /base/replaced/new; \\
    ${still('/base/replaced/new', '/base/replaced', '/base', '/made')}`,
  `RUN chmod 600 /base/attributes; chmod 700 /base/capable; echo one > /made/one; ln /made/one /made/two; mkfifo /made/pipe; \\
    ${still('/made/*', '/made')}`,
  `RUN rm /base/b /made/two; ln -s ../base /made/soft; ${still('/made/soft', '/base', '/made')}`,
].join('\n')
const context: Entry[] = [
  { name: 'copied/', type: 'directory' },
  { name: 'copied/a', content: 'a', mode: 0o640 },
  { name: 'copied/b', content: 'b' },
]

const layersOf = new Map<string, string[]>()

test.each(['overlay2', 'vfs', 'btrfs', 'fuse-overlayfs'])(
  '%s: what is built and committed runs, and is the same everywhere',
  async (driver) => {
    const dataDir = mkdtempSync(join(driver === 'btrfs' ? btrfs : lab, 'data-'))
    await using agent = await TestAgent.start({ GANTRY_DATA: dataDir, GANTRY_STORAGE_DRIVER: driver })
    const { projectId } = agent
    const layers = async (image: string) => (await agent.client.call('image.inspect', { projectId, image })).layers
    const entries = async (layer: string | undefined) => untar(readFileSync(join(dataDir, 'images/blobs', (layer ?? '').replace(':', '/'))))

    await importTar(agent, await tarOf(base), { reference: 'base:1' })
    await buildTar(agent, await tarOf([{ name: 'Dockerfile', content: dockerfile }, ...context]), { references: ['built:1'] })
    const built = await layers('built:1')
    const [imported, , copied, deleted, changed, last] = await Promise.all(built.map(entries))
    const names = (layer: { name: string }[] | undefined) => layer?.map(({ name }) => name)
    expect(imported?.find(({ name }) => name === 'base/link')).toMatchObject({ type: 'link', linkname: 'base/hard' })
    expect(names(copied)).toEqual(expect.arrayContaining(['base/a', 'base/b']))
    expect(names(deleted)).toEqual(expect.arrayContaining(['base/.wh.gone', 'base/replaced/new', 'made/']))
    const found = (layer: typeof imported, path: string) => layer?.find(({ name }) => name === path)
    expect(found(changed, 'base/attributes')).toMatchObject({ mode: 0o600, pax: { 'SCHILY.xattr.user.mine': 'kept' } })
    // fuse-overlayfs writes the content of a file that it copies up after its attributes, which takes capabilities away.
    if (driver !== 'fuse-overlayfs') expect(found(changed, 'base/capable')?.pax).toEqual(found(imported, 'base/capable')?.pax)
    expect(changed?.filter(({ type }) => type === 'link')).toMatchObject([{ name: 'made/two', linkname: 'made/one' }])
    expect(names(last)).toEqual(expect.arrayContaining(['base/.wh.b', 'made/.wh.two', 'made/soft']))

    const see =
      'cd /base; find . ../made | sort; stat -c "%a %u:%g" . attributes capable; stat -c %h hard; cat replaced/new; readlink /made/soft'
    const expected = [
      ...[
        '.',
        './a',
        './attributes',
        './capable',
        './hard',
        './link',
        './replaced',
        './replaced/new',
        '../made',
        '../made/one',
        '../made/pipe',
        '../made/soft',
      ].sort(),
      ...['750 7:8', '600 0:0', '700 0:0', '2', 'new', '../base'],
    ]
    const run = async (image: string, script: string) => {
      const id = await agent.run({ image, command: ['sh', '-c', script] })
      await agent.wait(id)
      return { id, lines: await agent.logs(id) }
    }
    const { id, lines } = await run('built:1', `rm /base/a; echo more > /made/more; ${see}`)
    expect(lines.filter((line) => !/more/.test(line)).sort()).toEqual(expected.filter((line) => line !== './a').sort())

    // Files go into the stopped container and come out of it; then it becomes an image.
    await put(agent, id, '/made', await tarOf([{ name: 'put', content: 'put', uid: 9, mode: 0o4755 }]))
    expect(await stat(agent, id, '/made/soft')).toMatchObject({ linkTarget: '/base' })
    const out = await untar(await get(agent, id, '/made'))
    expect(out.map(({ name }) => name).sort()).toEqual(['made/', 'made/more', 'made/one', 'made/pipe', 'made/put', 'made/soft'])
    await agent.client.call('container.commit', { projectId, container: id, reference: 'committed:1' })
    const committed = await layers('committed:1')
    expect(committed.slice(0, -1)).toEqual(built)
    expect(names(await entries(committed.at(-1)))).toEqual(expect.arrayContaining(['base/.wh.a', 'made/more', 'made/put']))
    await agent.remove(id)
    const again = await run('committed:1', 'ls /base /made; stat -c "%a %u" /made/put; cat /made/put')
    expect(again.lines.join(' ')).toBe('/base: attributes capable hard link replaced  /made: more one pipe put soft 4755 9 put')
    await agent.remove(again.id)

    layersOf.set(driver, built)
    // Times of folders that nothing sets are by chance; where one driver marks a folder as opaque, others name what is gone; and
    // fuse-overlayfs copies up a file when another name of it is removed.
    const determined = driver === 'fuse-overlayfs' ? [0] : [0, 4, 5]
    const picked = (all: string[] | undefined) => determined.map((index) => all?.[index])
    expect(picked(built)).toEqual(picked(layersOf.get('overlay2')))
  },
)
