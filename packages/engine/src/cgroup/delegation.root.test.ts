import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readLayout } from './layout.ts'
import { cgroupLab, until } from './testing/cgroup-lab.ts'

/**
 * As inside another engine's container: what is mounted is a part of the tree whose top has processes, the agent among them.
 * There a group with processes may not hand controllers down.
 */
test('in a delegated part of a v2 tree, what sits at its top moves out of the way', async () => {
  const { version, unified } = readLayout()
  if (!unified) throw new Error('this machine has no cgroup2 mount')
  const part = join(unified.mount, `gantry-part-${randomBytes(2).toString('hex')}`)
  const sleeper = spawn('sleep', ['1000000'])
  mkdirSync(part)
  try {
    writeFileSync(join(part, 'cgroup.procs'), String(sleeper.pid))
    {
      await using lab = await cgroupLab({ pidsLimit: 30 }, `30 25 0:30 / ${part} rw - cgroup2 cgroup2 rw`)
      const { group } = await lab.make('c1', { pidsLimit: 20 })
      lab.run(group, 'sleep 1000000')
      await until(async () => (await lab.tree.processes(group)).length > 0)
      // Beside v1 the controllers are elsewhere, and nothing needs to move.
      const top = version === 'v2' ? join(part, 'gantry-agent') : part
      expect(readFileSync(join(top, 'cgroup.procs'), 'utf8')).toBe(`${sleeper.pid}\n`)
      if (version === 'v2') expect(lab.read(group, 'pids.max')).toBe('20')
    }
  } finally {
    sleeper.kill('SIGKILL')
    await once(sleeper, 'exit')
    for (const dir of [join(part, 'gantry-agent'), part]) if (existsSync(dir)) rmdirSync(dir)
  }
})
