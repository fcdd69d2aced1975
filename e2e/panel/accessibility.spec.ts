import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { hostAdminPolicy } from '@gantry/contracts'
import { expect, test } from '../support/fixtures.ts'

const pages = [
  '/',
  '/containers',
  '/containers/new',
  '/images',
  '/networks',
  '/volumes',
  '/projects',
  '/users',
  '/audit',
  '/host',
  '/policy',
  '/account',
]
const tabs = ['terminal', 'logs', 'stats', 'inspect', 'limits', 'startup', 'processes', 'files', 'execs']

/** What axe finds wrong with the page in sight, as lines to read. */
async function violations(page: Page, where: string): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).analyze()
  return violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
}

for (const locale of ['en', 'zh'] as const) {
  test(`every page is accessible in light and dark: ${locale}`, async ({ panel, link, instance }) => {
    test.setTimeout(900_000)
    const { id } = await instance.agent.call('container.create', {
      projectId: 'default',
      spec: { name: `axe-${locale}`, image: 'busybox', command: ['sleep', '100000'] },
      policy: hostAdminPolicy,
    })
    await instance.agent.call('container.start', { projectId: 'default', container: id })
    await panel.context().addCookies([{ name: 'gantry_locale', value: locale, url: link.url }])
    const found: string[] = []
    for (const address of [...pages, ...tabs.map((tab) => `/containers/${id}?project=default&tab=${tab}`)]) {
      await panel.emulateMedia({ colorScheme: 'light' })
      await panel.goto(link.url + address)
      await expect(panel.locator('html')).toHaveAttribute('lang', new RegExp(`^${locale}`))
      await expect(panel.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible()
      found.push(...(await violations(panel, `${address} light`)))
      await panel.emulateMedia({ colorScheme: 'dark' })
      await expect(panel.locator('html')).toHaveClass(/dark/)
      found.push(...(await violations(panel, `${address} dark`)))
    }
    expect(found).toEqual([])
  })
}

test('no page scrolls sideways on a narrow telephone', async ({ panel, link }) => {
  await panel.setViewportSize({ width: 360, height: 740 })
  const wide: string[] = []
  for (const address of pages) {
    await panel.goto(link.url + address)
    await expect(panel.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible()
    const overflow = await panel.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    if (overflow > 0) wide.push(`${address}: ${overflow} px`)
  }
  expect(wide).toEqual([])
})

test('the doors are accessible', async ({ page, link }) => {
  for (const address of ['/sign-in', '/nowhere']) {
    await page.goto(link.url + address)
    await page.getByRole('main').waitFor()
    expect(await violations(page, address)).toEqual([])
  }
})
