import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) {
    execFileSync('umount', [folder])
    rmdirSync(folder)
  }
})

/** Before Linux 6.3 a tmpfs cannot be mounted with shifted ids; the same test holds on both sides of it. */
test('containers run wherever the data folder is: with ids of their own where it can be shifted, else with a warning', async () => {
  const folder = mkdtempSync('/var/lib/gantry-test-tmpfs-')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'gantry-test', folder])
  folders.push(folder)
  await using agent = await TestAgent.start({ GANTRY_DATA: folder })
  const { id, warnings } = await agent.create({ command: ['sh', '-c', 'cat /proc/self/uid_map > /map; exec sleep 1000'] })
  await agent.client.call('container.start', { projectId: agent.projectId, container: id })
  const map = (await agent.exec(id, ['sh', '-c', 'until [ -s /map ]; do :; done; cat /map'])).stdout.trim().split(/\s+/)
  const shifted = Number(map[1]) > 0
  expect(warnings.some((warning) => warning.includes('shifted ids'))).toBe(!shifted)
  const { spec, idBase } = await agent.client.call('container.inspect', { projectId: agent.projectId, container: id })
  expect(spec.userns).toBe(shifted ? 'project' : 'host')
  expect(idBase).toBe(Number(map[1]))
  await agent.remove(id, { force: true })
})
