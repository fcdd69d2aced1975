import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../testing/tar.ts'
import type { RootfsSource, Snapshotter } from '../ports.ts'

/** What a backend brings to be tested. */
export interface SnapshotterUnderTest extends AsyncDisposable {
  readonly snapshotter: Snapshotter
  /** The same data folder in the next life of the agent. */
  reopen(): Promise<Snapshotter>
  /** Commits layers with these entries, bottom first, and returns their names. */
  commit(layers: readonly (readonly Entry[])[]): Promise<string[]>
  /** Runs a shell script with the container's files as its working folder, as root; returns what it prints. */
  run(source: RootfsSource, script: string): string
}

const bottom: Entry[] = [
  { name: 'etc/', type: 'directory' },
  { name: 'etc/a', content: 'bottom a' },
  { name: 'etc/b', content: 'bottom b' },
  { name: 'dir/', type: 'directory' },
  { name: 'dir/one', content: '1' },
  { name: 'dir/two', content: '2' },
  { name: 'hard1', content: 'linked' },
  { name: 'hard2', type: 'link', linkname: 'hard1' },
]
const top: Entry[] = [
  { name: 'etc/', type: 'directory' },
  { name: 'etc/.wh.b', content: '' },
  { name: 'etc/c', content: 'top c' },
]
const one = '1'.repeat(64)
const two = '2'.repeat(64)

/** Every snapshotter passes this, whatever it is made of. `make` gives a fresh one for each test. */
export function snapshotterConformance(name: string, make: () => Promise<SnapshotterUnderTest>): void {
  const withContainer = async (use: (under: SnapshotterUnderTest, source: RootfsSource, layers: string[]) => Promise<void>) => {
    await using under = await make()
    const layers = await under.commit([bottom, top])
    await use(under, await under.snapshotter.prepare(one, layers), layers)
  }

  describe(`${name}: what a container sees`, () => {
    test('the layers merged: the upper one shadows and deletes', () =>
      withContainer(async (under, source) => {
        expect(under.run(source, 'ls etc; cat etc/a etc/c; stat -c %a .')).toBe('a\nc\nbottom atop c755\n')
      }))

    test('its own changes, and nobody else’s', () =>
      withContainer(async (under, source, layers) => {
        const other = await under.snapshotter.prepare(two, layers)
        under.run(source, 'echo mine > etc/a; rm dir/one; mkdir new')
        expect(under.run(source, 'cat etc/a; ls dir new')).toBe('mine\ndir:\ntwo\n\nnew:\n')
        expect(under.run(other, 'cat etc/a; ls dir')).toBe('bottom aone\ntwo\n')
      }))

    test('changes again after it was prepared again', () =>
      withContainer(async (under, source, layers) => {
        under.run(source, 'echo kept > file')
        expect(under.run(await under.snapshotter.prepare(one, layers), 'cat file')).toBe('kept\n')
      }))

    test('deleted and made anew: a file, a folder, one of its own', () =>
      withContainer(async (under, source) => {
        under.run(source, 'rm etc/a; rm -r dir; echo x > own; rm own')
        expect(under.run(source, 'ls; ls etc')).toBe('etc\nhard1\nhard2\nc\n')
        under.run(source, 'echo again > etc/a; mkdir dir; echo x > dir/three')
        expect(under.run(source, 'cat etc/a; ls dir')).toBe('again\nthree\n')
      }))

    test('attributes of its own', () =>
      withContainer(async (under, source) => {
        const script = 'import os; os.setxattr("etc/a", "user.mine", b"1"); print(os.listxattr("etc/a"), open("etc/a").read())'
        expect(under.run(source, `python3 -c '${script}'`)).toBe("['user.mine'] bottom a\n")
      }))

    test('a folder of the image moved', () =>
      withContainer(async (under, source) => {
        expect(under.run(source, 'mv dir renamed; mv etc/c renamed/; ls . etc renamed; cat renamed/one')).toBe(
          '.:\netc\nhard1\nhard2\nrenamed\n\netc:\na\n\nrenamed:\nc\none\ntwo\n1',
        )
      }))

    test('renamed and linked files', () =>
      withContainer(async (under, source) => {
        under.run(source, 'mv etc/a moved; ln moved link; cp -r dir copy; rm -r dir; mv copy dir')
        expect(under.run(source, 'cat moved; ls dir; stat -c %h link; stat -c %h hard1')).toBe('bottom aone\ntwo\n2\n2\n')
      }))
  })

  describe(`${name}: what layers do to each other`, () => {
    const merged = async (layers: Entry[][], script: string) => {
      await using under = await make()
      return under.run(await under.snapshotter.prepare(one, await under.commit(layers)), script)
    }
    const folder = (name: string, ...files: string[]): Entry[] => [
      { name: `${name}/`, type: 'directory' },
      ...files.map((file): Entry => ({ name: `${name}/${file}`, content: `${file} of ${name}` })),
    ]

    test('the six cases of deleting and making: file and folder, below, here, and again', async () => {
      const lower = [
        ...folder('kept', 'a'),
        ...folder('gone', 'a', 'b'),
        ...folder('again', 'old'),
        ...folder('now-a-file', 'x'),
        { name: 'now-a-folder', content: '' },
        { name: 'file', content: 'old' },
      ]
      const upper: Entry[] = [
        { name: '.wh.gone', content: '' },
        { name: '.wh.file', content: '' },
        { name: '.wh.again', content: '' },
        ...folder('again', 'new'),
        { name: 'now-a-file', content: 'file' },
        ...folder('now-a-folder', 'y'),
      ]
      const seen = await merged(
        [lower, upper, [{ name: 'file', content: 'third' }]],
        'ls -d *; ls kept again now-a-folder; cat now-a-file file',
      )
      expect(seen).toBe('again\nfile\nkept\nnow-a-file\nnow-a-folder\nagain:\nnew\n\nkept:\na\n\nnow-a-folder:\ny\nfilethird')
    })

    test('an opaque folder hides what is below, whichever entry comes first', async () => {
      const opaque = (name: string): Entry => ({ name: `${name}/.wh..wh..opq`, content: '' })
      const lower = [...folder('first', 'old', 'both'), ...folder('last', 'old', 'both'), ...folder('last/deep', 'old')]
      const upper = [
        { name: 'first/', type: 'directory' } as const,
        opaque('first'),
        { name: 'first/both', content: 'new' },
        ...folder('last', 'both'),
        ...folder('last/deep', 'new'),
        opaque('last'),
      ]
      expect(await merged([lower, upper], 'find first last | sort; cat first/both')).toBe(
        'first\nfirst/both\nlast\nlast/both\nlast/deep\nlast/deep/new\nnew',
      )
    })

    test('owners, modes, times, attributes and hard links are kept', async () => {
      const entries: Entry[] = [
        { name: 'd/', type: 'directory', mode: 0o2750, uid: 3, gid: 4 },
        { name: 'd/s', content: 'x', mode: 0o4711, uid: 1, gid: 2 },
        { name: 'd/same', type: 'link', linkname: 'd/s' },
        { name: 'link', type: 'symlink', linkname: 'd/s' },
        { name: 'attribute', content: '', pax: { 'SCHILY.xattr.user.colour': 'blue' } },
      ]
      const attribute = 'import os; print(os.getxattr("attribute", "user.colour").decode())'
      const script = `stat -c "%a %u:%g %Y" d d/s; stat -c %h d/s; readlink link; python3 -c '${attribute}'`
      expect(await merged([entries, folder('etc')], script)).toBe(`2750 3:4 1000000000\n4711 1:2 1000000000\n2\nd/s\nblue\n`)
    })

    test('128 of them stand on each other', async () => {
      const many = Array.from({ length: 128 }, (_, i): Entry[] => [
        { name: `f${i}`, content: String(i) },
        { name: 'last', content: String(i) },
        ...(i > 0 && i % 2 === 0 ? [{ name: `.wh.f${i - 1}`, content: '' }] : []),
      ])
      expect(await merged(many, 'ls | wc -l; cat last; rm f0; echo x > f2; cat f2; ls | wc -l')).toBe('66\n127x\n65\n')
    })
  })

  describe(`${name}: bookkeeping`, () => {
    test('diff names what was added, modified and deleted', () =>
      withContainer(async (under, source) => {
        expect(await under.snapshotter.diff(one)).toEqual([])
        under.run(source, 'echo x >> etc/a; rm dir/one; mkdir -p new/sub; echo x > new/sub/f; rm hard2; echo x > tmp; rm tmp')
        // fuse-overlayfs copies a file up when another name of it is removed.
        const changes = (await under.snapshotter.diff(one)).filter((change) => change.path !== '/hard1')
        expect(changes).toEqual([
          { kind: 'modified', path: '/dir' },
          { kind: 'deleted', path: '/dir/one' },
          { kind: 'modified', path: '/etc' },
          { kind: 'modified', path: '/etc/a' },
          { kind: 'deleted', path: '/hard2' },
          { kind: 'added', path: '/new' },
          { kind: 'added', path: '/new/sub' },
          { kind: 'added', path: '/new/sub/f' },
        ])
      }))

    test('diff of a folder that was deleted and made anew names what it lost', () =>
      withContainer(async (under, source) => {
        under.run(source, 'rm -r dir; mkdir dir; echo x > dir/two; echo x > dir/three')
        expect(await under.snapshotter.diff(one)).toEqual([
          { kind: 'modified', path: '/dir' },
          { kind: 'deleted', path: '/dir/one' },
          { kind: 'added', path: '/dir/three' },
          { kind: 'modified', path: '/dir/two' },
        ])
      }))

    test('the mount points of the engine’s own files and folders are no change, unless there is something in them', () =>
      withContainer(async (under, source) => {
        under.run(source, 'mkdir proc sys dev; touch etc/hosts etc/hostname')
        expect(await under.snapshotter.diff(one)).toEqual([])
        under.run(source, 'touch etc/hosts etc/hostname etc/other; echo x > etc/resolv.conf')
        const added = (await under.snapshotter.diff(one)).filter((change) => change.kind === 'added')
        expect(added.map((change) => change.path)).toEqual(['/etc/other', '/etc/resolv.conf'])
      }))

    test('a name that a layer deleted and the container makes is added', () =>
      withContainer(async (under, source) => {
        under.run(source, 'echo x > etc/b')
        expect(await under.snapshotter.diff(one)).toContainEqual({ kind: 'added', path: '/etc/b' })
      }))

    test('usage counts the container’s own bytes only', () =>
      withContainer(async (under, source) => {
        expect(await under.snapshotter.usage(one)).toBeLessThan(8192)
        under.run(source, 'head -c 1000000 /dev/urandom > big; ln big same; sync .')
        const bytes = await under.snapshotter.usage(one)
        expect(bytes).toBeGreaterThanOrEqual(1_000_000)
        expect(bytes).toBeLessThan(1_500_000)
      }))

    test('what a killed agent left half made is made anew; what was whole stays', () =>
      withContainer(async (under, source, layers) => {
        under.run(source, 'echo kept > file')
        const next = await under.reopen()
        expect(under.run(await next.prepare(one, layers), 'cat file')).toBe('kept\n')
        expect(await next.diff(one)).toEqual([{ kind: 'added', path: '/file' }])
        const half = await next.prepare(two, layers)
        rmSync(join(dirname(half.kind === 'tree' ? half.folder : half.upperDir), 'layers.json'))
        under.run(half, 'rm etc/a')
        expect(await (await under.reopen()).list()).toContain(two)
        const again = await (await under.reopen()).prepare(two, layers)
        if (again.kind === 'tree') expect(under.run(again, 'cat etc/a')).toBe('bottom a')
        await next.remove(two)
        expect(await next.list()).toEqual([one])
      }))

    test('list names the containers; remove leaves the layers and the others', () =>
      withContainer(async (under, source, layers) => {
        await under.snapshotter.prepare(two, layers)
        under.run(source, 'rm etc/a; mkdir -p deep/er; mkfifo pipe; chmod 0 deep')
        expect((await under.snapshotter.list()).sort()).toEqual([one, two])
        await under.snapshotter.remove(one)
        await under.snapshotter.remove(one)
        expect(await under.snapshotter.list()).toEqual([two])
        expect(existsSync(dirname(source.kind === 'tree' ? source.folder : source.upperDir))).toBe(false)
        expect(under.run(await under.snapshotter.prepare(two, layers), 'cat etc/a')).toBe('bottom a')
      }))

    test('the lower view gives the layers, topmost first', () =>
      withContainer(async (under, _source, layers) => {
        await under.snapshotter.withLowerView(layers, async (dirs) => {
          expect(dirs.map((dir) => readdirSync(dir).includes('dir'))).toEqual(dirs.length === 1 ? [true] : [false, true])
          expect(readFileSync(join(dirs[0] as string, 'etc/c'), 'utf8')).toBe('top c')
        })
      }))

    test('a missing layer is said, and nothing is made', () =>
      withContainer(async (under) => {
        const missing = `sha256:${'9'.repeat(64)}`
        await expect(under.snapshotter.prepare(two, [missing])).rejects.toMatchObject({
          code: 'not_found',
          message: `layer ${missing} is missing`,
        })
        expect(await under.snapshotter.list()).toEqual([one])
        await expect(under.snapshotter.usage(two)).rejects.toMatchObject({ code: 'not_found' })
      }))

    test('a container’s id is never a path', () =>
      withContainer(async (under, _source, layers) => {
        for (const id of ['..', '../x', 'a/b', ''])
          await expect(under.snapshotter.prepare(id, layers)).rejects.toMatchObject({ code: 'internal' })
      }))
  })
}
