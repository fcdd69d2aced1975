import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

const expedited = () => readFileSync('/sys/kernel/rcu_expedited', 'utf8').trim()

/** Entering cgroups borrows a setting of the whole machine for a fraction of a millisecond; another start may hold it just now. */
async function untilGivenBack(): Promise<string> {
  while (expedited() !== '0') await setTimeout(5)
  return expedited()
}

test('starts, execs and starts that fail give the kernel its grace periods back', async () => {
  // Tests that kill starts at any moment may have left it taken (docs/adr/0007-cgroups.md), and then it is the administrator's to us.
  writeFileSync('/sys/kernel/rcu_expedited', '0')
  await using agent = await TestAgent.start()
  const id = await agent.run({ command: ['sleep', '1000'] })
  expect(await untilGivenBack()).toBe('0')
  expect(await agent.exec(id, ['true'])).toMatchObject({ exitCode: 0 })
  expect(await untilGivenBack()).toBe('0')
  await expect(agent.run({ command: ['/no/such/command'] })).rejects.toMatchObject({ code: 'invalid_input' })
  expect(await untilGivenBack()).toBe('0')
})
