import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from '@playwright/test'
import { expect, test } from '../support/fixtures.ts'
import { imageArchive } from '../support/image-archive.ts'

let folder = ''
test.beforeEach(() => {
  folder = mkdtempSync('/var/tmp/gantry-test-image-')
})
test.afterEach(() => rmSync(folder, { recursive: true, force: true }))

const row = (page: Page, name: string) => page.getByRole('table', { name: 'Images' }).getByRole('row').filter({ hasText: name })

async function choose(page: Page, image: string, item: string): Promise<void> {
  await page.getByRole('button', { name: `Actions on ${image}` }).click()
  await page.getByRole('menuitem', { name: item, exact: true }).click()
}

/** The bar of something that has begun and not ended. */
async function expectHalfWay(bar: Locator): Promise<void> {
  await expect.poll(async () => Number(await bar.first().getAttribute('aria-valuenow'))).toBeGreaterThan(0)
  expect(Number(await bar.first().getAttribute('aria-valuenow'))).toBeLessThan(100)
}

test('an archive is uploaded with progress, pushed and pulled layer by layer', async ({ panel, link, registry, instance }) => {
  const image = 'gantry-test/upload:1'
  const pushed = `${registry.address}/team/tool:1`
  await panel.goto(`${link.url}/images?project=default`)

  await panel.getByRole('button', { name: 'Upload' }).click()
  const dialog = panel.getByRole('dialog')
  await dialog.getByLabel('Archive').setInputFiles(imageArchive(folder, image, 40_000_000))
  link.hold()
  await dialog.getByRole('button', { name: 'Upload' }).click()
  await expectHalfWay(dialog.getByRole('progressbar', { name: 'Uploading' }))
  await expect(dialog).toContainText(/MiB \/ 38\.\d+ MiB/)
  link.pass()
  await expect(panel.getByText(`Loaded ${image}`)).toBeVisible()
  await expect(panel.getByText('docker load -i image.tar')).toBeVisible()
  await expect(row(panel, image)).toBeVisible()

  await choose(panel, image, 'Add tag')
  await panel.getByLabel('New name:tag').fill(pushed)
  await panel.getByRole('dialog').getByRole('button', { name: 'Add tag' }).click()
  await expect(row(panel, pushed)).toBeVisible()
  registry.hold()
  await choose(panel, pushed, 'Push')
  const transfers = panel.getByRole('region', { name: 'Transfers' })
  await expectHalfWay(transfers.getByRole('progressbar', { name: /: uploading$/ }))
  // It goes on without the page, and the page finds it again.
  await panel.reload()
  await expectHalfWay(transfers.getByRole('progressbar', { name: /: uploading$/ }))
  registry.release()
  await expect(transfers.getByRole('listitem').filter({ hasText: `push ${pushed}` })).toContainText('done')
  expect(await registry.tags('team/tool')).toEqual(['1'])

  for (const name of [pushed, image]) await instance.agent.call('image.remove', { projectId: 'default', image: name })
  await panel.reload()
  await expect(row(panel, 'busybox')).toBeVisible()
  await expect(row(panel, pushed)).toBeHidden()
  registry.hold()
  await panel.getByRole('button', { name: 'Pull' }).click()
  await panel.getByLabel('Image', { exact: true }).fill(pushed)
  await panel.getByRole('dialog').getByRole('button', { name: 'Pull' }).click()
  await expect(panel.getByText(`docker pull ${pushed}`)).toBeVisible()
  await expectHalfWay(transfers.getByRole('progressbar', { name: /: downloading$/ }))
  registry.release()
  await expect(transfers.getByRole('listitem').filter({ hasText: `pull ${pushed}` })).toContainText('done')
  await expect(row(panel, pushed)).toBeVisible()
})

test('what fails says why, and nothing of it stays', async ({ panel, link, registry, instance }) => {
  const missing = `${registry.address}/team/missing:1`
  const before = await instance.agent.call('image.list', { projectId: 'default' })
  await panel.goto(`${link.url}/images?project=default`)
  await panel.getByRole('button', { name: 'Pull' }).click()
  await panel.getByLabel('Image', { exact: true }).fill(missing)
  await panel.getByRole('dialog').getByRole('button', { name: 'Pull' }).click()
  const transfer = panel.getByRole('region', { name: 'Transfers' }).getByRole('listitem').filter({ hasText: missing })
  await expect(transfer).toContainText('failed')
  await expect(transfer.getByRole('alert')).toContainText('manifest unknown')

  const whole = readFileSync(imageArchive(folder, 'gantry-test/cut:1', 1_000_000))
  writeFileSync(join(folder, 'cut.tar'), whole.subarray(0, whole.length / 2))
  await panel.getByRole('button', { name: 'Upload' }).click()
  const dialog = panel.getByRole('dialog')
  await dialog.getByLabel('Archive').setInputFiles(join(folder, 'cut.tar'))
  await dialog.getByRole('button', { name: 'Upload' }).click()
  await expect(dialog.getByRole('alert')).toContainText(/archive/i)
  expect(await instance.agent.call('image.list', { projectId: 'default' })).toEqual(before)
})
