import { administrator, expect, test } from '../support/fixtures.ts'

test('everything on the way to a volume and away from it goes by keyboard alone', async ({ page, link, instance }) => {
  const { keyboard } = page
  const focused = page.locator(':focus')
  await page.goto(`${link.url}/sign-in`)
  await expect(page.getByLabel('E-mail address')).toBeFocused()
  await keyboard.type(administrator.email)
  await keyboard.press('Tab')
  await keyboard.type(administrator.password)
  await keyboard.press('Enter')
  await page.waitForURL((address) => address.pathname === '/')

  await keyboard.press('Control+k')
  await keyboard.type('new volume')
  await keyboard.press('Enter')
  await page.waitForURL(/\/volumes\?/)
  await expect(page.getByRole('dialog').getByLabel('Name')).toBeFocused()
  await keyboard.type('keys')
  await keyboard.press('Enter')
  await expect(page.getByText('docker volume create keys')).toBeVisible()

  await keyboard.press('/')
  await expect(page.getByRole('searchbox', { name: 'Search volumes' })).toBeFocused()
  await keyboard.type('keys')
  const remove = page.getByRole('button', { name: 'Remove: keys' })
  for (let steps = 0; steps < 20 && !(await remove.evaluate((element) => element === document.activeElement)); steps += 1) {
    await keyboard.press('Tab')
  }
  await expect(remove).toBeFocused()
  await keyboard.press('Enter')
  await expect(page.getByRole('alertdialog')).toBeVisible()
  await keyboard.press('Escape')
  await expect(remove).toBeFocused()
  await keyboard.press('Enter')
  // Focus starts on cancel, the field is before it.
  await expect(page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' })).toBeFocused()
  await keyboard.press('Shift+Tab')
  await expect(page.getByRole('alertdialog').getByRole('textbox')).toBeFocused()
  await keyboard.type('keys')
  await keyboard.press('Tab')
  while (!/Remove/.test((await focused.textContent()) ?? '')) await keyboard.press('Tab')
  await keyboard.press('Enter')
  await expect(page.getByText('docker volume rm keys')).toBeVisible()
  expect(await instance.agent.call('volume.list', { projectId: 'default' })).toEqual([])

  await keyboard.press('g')
  await keyboard.press('o')
  await page.waitForURL(/\/policy/)
  await expect(page.getByRole('heading', { level: 1, name: 'Host policy' })).toBeVisible()
})
