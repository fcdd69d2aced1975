import AxeBuilder from '@axe-core/playwright'
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
  '/account',
]
const tabs = ['terminal', 'logs', 'stats', 'inspect', 'limits', 'startup', 'processes', 'files', 'execs']

for (const colorScheme of ['light', 'dark'] as const) {
  for (const locale of ['en', 'zh'] as const) {
    test(`every page is accessible: ${colorScheme}, ${locale}`, async ({ panel, link, instance }) => {
      test.setTimeout(600_000)
      const { id } = await instance.agent.call('container.create', {
        projectId: 'default',
        spec: { name: `axe-${colorScheme}-${locale}`, image: 'busybox', command: ['sleep', '100000'] },
        policy: hostAdminPolicy,
      })
      await instance.agent.call('container.start', { projectId: 'default', container: id })
      await panel.emulateMedia({ colorScheme })
      await panel.context().addCookies([{ name: 'gantry_locale', value: locale, url: link.url }])
      const all = [...pages, ...tabs.map((tab) => `/containers/${id}?project=default&tab=${tab}`)]
      const found: string[] = []
      for (const address of all) {
        await panel.goto(link.url + address)
        await panel.getByRole('main').waitFor()
        await expect(panel.locator('html')).toHaveAttribute('lang', new RegExp(`^${locale}`))
        await expect(panel.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible()
        const { violations } = await new AxeBuilder({ page: panel }).analyze()
        found.push(
          ...violations.map(({ id: rule, nodes }) => `${address}: ${rule}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`),
        )
      }
      expect(found).toEqual([])
    })
  }
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
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id }) => `${address}: ${id}`)).toEqual([])
  }
})
