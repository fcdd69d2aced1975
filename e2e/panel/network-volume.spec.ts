import { hostAdminPolicy } from '@gantry/contracts'
import { expect, test } from '../support/fixtures.ts'

const projectId = 'default'

test('a network is made, a running container connected and disconnected', async ({ panel, link, instance: { agent } }) => {
  const spec = { name: 'joiner', image: 'busybox', command: ['sleep', '100000'] }
  const { id } = await agent.call('container.create', { projectId, spec, policy: hostAdminPolicy })
  await agent.call('container.start', { projectId, container: id })
  const addresses = async () => {
    const { stdout } = await agent.call('exec.run', { projectId, container: id, spec: { command: ['ip', '-4', 'addr'] } })
    return stdout
  }

  await panel.goto(`${link.url}/networks?project=${projectId}`)
  await panel.getByRole('button', { name: 'New network' }).click()
  const dialog = panel.getByRole('dialog')
  await dialog.getByLabel('Subnet').fill('10.77.300.0/24')
  await dialog.getByLabel('Name').fill('backend')
  await expect(dialog.getByRole('alert')).toContainText('IPv4 subnet')
  await dialog.getByLabel('Subnet').fill('10.77.3.0/24')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await expect(panel.getByText('docker network create')).toBeVisible()
  const row = panel.getByRole('table', { name: 'Networks' }).getByRole('row').filter({ hasText: 'backend' })
  await expect(row).toContainText('10.77.3.0/24')

  await panel.getByRole('button', { name: 'Actions: backend' }).click()
  await panel.getByRole('menuitem', { name: 'Connect' }).click()
  await dialog.getByLabel('Container').selectOption({ label: 'joiner' })
  await dialog.getByRole('button', { name: 'Connect' }).click()
  await expect(panel.getByText('docker network connect backend joiner')).toBeVisible()
  expect(await addresses()).toContain('10.77.3.')

  await panel.getByRole('button', { name: 'Actions: backend' }).click()
  await expect(panel.getByRole('menuitem', { name: 'Remove' })).toBeDisabled()
  await panel.getByRole('menuitem', { name: 'Containers' }).click()
  await expect(dialog.getByRole('row').filter({ hasText: 'joiner' })).toContainText('10.77.3.')
  await dialog.getByRole('button', { name: 'Disconnect joiner' }).click()
  await expect(panel.getByText('docker network disconnect backend joiner')).toBeVisible()
  expect(await addresses()).not.toContain('10.77.3.')

  await panel.getByRole('button', { name: 'Actions: backend' }).click()
  await panel.getByRole('menuitem', { name: 'Remove' }).click()
  await panel.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await expect(panel.getByText('docker network rm backend')).toBeVisible()
  await expect(row).toBeHidden()
})

test('a volume is made and removed; filter, order and search stay in the address', async ({ panel, link, instance: { agent } }) => {
  await agent.call('volume.create', { projectId, spec: { name: 'other' } })
  await panel.goto(`${link.url}/volumes?project=${projectId}`)
  await panel.getByRole('button', { name: 'New volume' }).click()
  await panel.getByRole('dialog').getByLabel('Name').fill('letters')
  await panel.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
  await expect(panel.getByText('docker volume create letters')).toBeVisible()
  const rows = panel.getByRole('table', { name: 'Volumes' }).locator('tbody').getByRole('row')
  await expect(rows).toHaveCount(2)

  await panel.getByRole('combobox', { name: 'Use', exact: true }).selectOption('not in use')
  await panel.getByRole('button', { name: 'Name', exact: true }).click()
  await panel.waitForURL(/use=unused.*sort=-name|sort=-name.*use=unused/)
  await panel.reload()
  await expect(rows.first()).toContainText('other')
  await panel.getByRole('searchbox', { name: 'Search volumes' }).fill('lett')
  await expect(rows).toHaveCount(1)
  await panel.getByRole('combobox', { name: 'Use', exact: true }).selectOption('in use')
  await expect(panel.getByText('Nothing matches')).toBeVisible()
  await panel.getByRole('button', { name: 'Clear filters' }).first().click()
  await expect(rows).toHaveCount(2)

  await panel.getByRole('button', { name: 'Remove: letters' }).click()
  const dialog = panel.getByRole('alertdialog')
  await expect(dialog.getByRole('button', { name: 'Remove' })).toBeDisabled()
  await dialog.getByRole('textbox').fill('letters')
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await expect(panel.getByText('docker volume rm letters')).toBeVisible()
  expect((await agent.call('volume.list', { projectId })).map(({ name }) => name)).toEqual(['other'])
  await agent.call('volume.remove', { projectId, volume: 'other' })
})
