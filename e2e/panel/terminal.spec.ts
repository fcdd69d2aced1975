import type { Page } from '@playwright/test'
import { hostAdminPolicy } from '@gantry/contracts'
import { expect, test } from '../support/fixtures.ts'
import type { Instance } from '../support/instance.ts'
import { expectConnected, expectOutput, readableTerminals, terminal, type } from '../support/terminal.ts'

const projectId = 'default'

/** A running container; returns the address of its terminal. */
async function runningContainer({ agent }: Instance, name: string): Promise<string> {
  const { id } = await agent.call('container.create', {
    projectId,
    spec: { name, image: 'busybox', command: ['sleep', '100000'] },
    policy: hostAdminPolicy,
  })
  await agent.call('container.start', { projectId, container: id })
  return `/containers/${id}?project=${projectId}&tab=terminal`
}

async function openTerminal(page: Page, base: string, address: string): Promise<void> {
  await readableTerminals(page)
  await page.goto(base + address)
  await expectConnected(page)
}

test('a shell is a real terminal of the size shown', async ({ panel, instance, link }) => {
  await openTerminal(panel, link.url, await runningContainer(instance, 'real'))
  await type(panel, 'tty; stty size; echo user-$(id -u)')
  await expectOutput(panel, '/dev/pts/')
  await expectOutput(panel, 'user-0')
  await type(panel, 'clear; stty size')
  const before = await sizeShown(panel)
  await panel.setViewportSize({ width: 900, height: 600 })
  await expect
    .poll(async () => {
      await type(panel, 'clear; stty size')
      return (await sizeShown(panel)) !== before
    })
    .toBe(true)
})

async function sizeShown(page: Page): Promise<string> {
  await expectOutput(page, /\d+ \d+/)
  return /(\d+ \d+)/.exec((await terminal(page).locator('.xterm-accessibility').textContent()) ?? '')?.[1] ?? ''
}

test('a session survives a reload with what was on the screen', async ({ panel, instance, link }) => {
  await openTerminal(panel, link.url, await runningContainer(instance, 'reload'))
  await type(panel, 'marker=$((6*7)); echo before-$marker')
  await expectOutput(panel, 'before-42')
  await panel.reload()
  await expectConnected(panel)
  await expectOutput(panel, 'before-42')
  // The same shell: its variable is still there.
  await type(panel, 'echo after-$marker')
  await expectOutput(panel, 'after-42')
})

test('a session survives a lost network, and output written meanwhile comes afterwards', async ({ panel, instance, link }) => {
  await openTerminal(panel, link.url, await runningContainer(instance, 'network'))
  await type(panel, '(while [ ! -e /tmp/go ]; do sleep 0.1; done; echo during-$((40+2))) &')
  link.cut()
  await expect(terminal(panel).locator('[data-terminal-status]')).toHaveAttribute('data-terminal-status', 'waiting')
  const [container] = await instance.agent
    .call('container.list', { projectId, all: false })
    .then((all) => all.filter(({ name }) => name === 'network'))
  await instance.agent.call('exec.run', { projectId, container: container?.id ?? '', spec: { command: ['touch', '/tmp/go'] } })
  link.mend()
  await expectConnected(panel)
  await expectOutput(panel, 'during-42')
})

test('100 MB of output neither freeze the page nor grow its memory without bound', async ({ panel, instance, link }) => {
  test.setTimeout(600_000)
  const address = await runningContainer(instance, 'flood')
  await panel.goto(link.url + address)
  await expectConnected(panel)
  await type(panel, `yes ${'0123456789'.repeat(9)} | head -c 100000000; echo flood-$((40+2)); touch /tmp/done`)
  // While it flows the page goes on drawing.
  const frames = await panel.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let count = 0
        const next = () => (++count === 30 ? resolve(count) : requestAnimationFrame(next))
        requestAnimationFrame(next)
      }),
  )
  expect(frames).toBe(30)
  const container = /containers\/([0-9a-f]{64})/.exec(address)?.[1] ?? ''
  const written = () => instance.agent.call('exec.run', { projectId, container, spec: { command: ['test', '-e', '/tmp/done'] } })
  await expect.poll(async () => (await written()).exitCode, { timeout: 500_000, intervals: [1000] }).toBe(0)
  const heapMiB = await panel.evaluate(
    () => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 1024 ** 2,
  )
  expect(heapMiB).toBeLessThan(200)
  await readableTerminals(panel)
  await panel.reload()
  await expectOutput(panel, 'flood-42')
})

test('several terminals of one container are separate shells', async ({ panel, instance, link }) => {
  await openTerminal(panel, link.url, await runningContainer(instance, 'several'))
  await type(panel, 'name=first; echo is-$name')
  await expectOutput(panel, 'is-first')
  await panel.getByRole('button', { name: 'New terminal' }).click()
  await panel.getByRole('menuitem', { name: 'sh', exact: true }).click()
  await expectConnected(panel)
  await type(panel, 'echo is-$(test -n "$name" || echo nobody)')
  await expectOutput(panel, 'is-nobody')
})
