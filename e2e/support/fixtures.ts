import { test as base, type Page } from '@playwright/test'
import { type Instance, startInstance } from './instance.ts'
import { type Link, startLink } from './link.ts'
import { Registry } from './registry.ts'

export type Credentials = { email: string; password: string }
export const administrator: Credentials = { email: 'admin@example.test', password: 'correct horse battery staple' }

/** `panel`: a page of the shared instance, signed in as its host administrator, over a wire that the test may cut. */
export const test = base.extend<{ panel: Page }, { registry: Registry; instance: Instance; link: Link }>({
  registry: [
    // biome-ignore lint/correctness/noEmptyPattern: playwright reads what a fixture needs from the pattern
    async ({}, use) => {
      const registry = await Registry.start()
      await use(registry)
      await registry.close()
    },
    { scope: 'worker' },
  ],
  instance: [
    async ({ registry }, use) => {
      const instance = await startInstance({
        GANTRY_ADMIN_EMAIL: administrator.email,
        GANTRY_ADMIN_PASSWORD: administrator.password,
        GANTRY_REGISTRIES: registry.address,
      })
      await use(instance)
      await instance.close()
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  link: [
    async ({ instance }, use) => {
      const link = await startLink(instance.port)
      await use(link)
      await link.close()
    },
    { scope: 'worker' },
  ],
  panel: async ({ page, link }, use) => {
    link.mend()
    await signIn(page, link.url)
    await use(page)
  },
})

export { expect } from '@playwright/test'

export async function signIn(page: Page, url: string, who: Credentials = administrator): Promise<void> {
  await page.goto(`${url}/sign-in`)
  await page.getByLabel('E-mail address').fill(who.email)
  await page.getByRole('textbox', { name: 'Password' }).fill(who.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((address) => !address.pathname.startsWith('/sign-in'))
}
