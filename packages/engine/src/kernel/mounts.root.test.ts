import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ResolvedMount } from '../ports.ts'
import { Laboratory } from './test-container.ts'

let lab: Laboratory
beforeAll(() => {
  lab = new Laboratory()
})
afterAll(() => lab.dispose())

const volume = (source: string, more: Partial<ResolvedMount> = {}): ResolvedMount => ({
  ...{ type: 'volume', source, target: '/v', readOnly: false, propagation: 'rprivate', recursive: true, copyUp: false, idmapped: true },
  ...more,
})

test('a part of a volume: through links that stay inside, and never out of it', async () => {
  const source = `${lab.dir}/parts`
  mkdirSync(`${source}/deep/er`, { recursive: true })
  writeFileSync(`${source}/deep/er/file`, 'inside\n')
  symlinkSync('deep/er', `${source}/alias`)
  symlinkSync('../../../etc', `${source}/up`)
  symlinkSync('/etc', `${source}/absolute`)
  const { text } = await lab.run(
    'cat /v/file /f',
    {},
    {
      mounts: [volume(source, { subpath: 'alias' }), volume(source, { subpath: 'deep/er/file', target: '/f' })],
    },
  )
  expect(text).toBe('inside\ninside\n')
  for (const subpath of ['up', 'absolute', 'up/passwd']) {
    const start = lab.start({ command: ['true'] }, { mounts: [volume(source, { subpath })] })
    await expect(start).rejects.toMatchObject({ message: expect.stringContaining(`${subpath} leads out of ${source}`) })
  }
  const missing = lab.start({ command: ['true'] }, { mounts: [volume(source, { subpath: 'absent' })] })
  await expect(missing).rejects.toMatchObject({ message: expect.stringContaining(`open absent in ${source}`) })
})

test('read-only goes for what is mounted below, unless it was not to', async () => {
  const source = `${lab.dir}/nested`
  mkdirSync(`${source}/below`, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=777', 'gantry-test', `${source}/below`])
  try {
    const bind = { type: 'bind', idmapped: false, readOnly: true } as const
    const script = 'for d in all top flat; do touch /$d/below/$d 2>/dev/null && echo $d writable || echo $d not; done; ls /flat/below'
    const { text } = await lab.run(
      script,
      {},
      {
        mounts: [
          volume(source, { ...bind, target: '/all' }),
          volume(source, { ...bind, target: '/top', readOnlyRecursive: 'off' }),
          volume(source, { ...bind, target: '/flat', recursive: false }),
        ],
      },
    )
    expect(text).toBe('all not\ntop writable\nflat not\n')
    const { text: top } = await lab.run(
      'touch /top/x 2>&1; true',
      {},
      {
        mounts: [volume(source, { ...bind, target: '/top', readOnlyRecursive: 'off' })],
      },
    )
    expect(top).toContain('Read-only file system')
  } finally {
    execFileSync('umount', [`${source}/below`])
  }
})

test('a tmpfs has docker’s restrictions, or those it was asked for', async () => {
  const tmpfs = { type: 'tmpfs', source: '', idmapped: false } as const
  const { text } = await lab.run(
    'grep -E " /(plain|own) " /proc/mounts | cut -d" " -f2,4; stat -c "%u %g %a" /own',
    {},
    {
      mounts: [
        volume('', { ...tmpfs, target: '/plain' }),
        volume('', {
          ...tmpfs,
          target: '/own',
          tmpfs: { exec: true, suid: true, dev: true, noatime: true, uid: 7, gid: 8, mode: 0o750, sizeBytes: 65536, inodes: 50 },
        }),
      ],
    },
  )
  const [plain, own, stat] = text.split('\n')
  expect(plain).toMatch(/^\/plain rw,nosuid,nodev,noexec,relatime/)
  // Device nodes do not work on what a user namespace mounts, whatever its flags say.
  expect(own).toMatch(/^\/own rw,(nodev,)?noatime,size=64k,nr_inodes=50,mode=750,uid=\d+,gid=\d+/)
  expect(stat).toBe('7 8 750')
})
