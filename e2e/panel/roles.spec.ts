import type { Browser, Page } from '@playwright/test'
import type { Role } from '@gantry/contracts'
import { change, mutate } from '../support/api.ts'
import { expect, signIn, test } from '../support/fixtures.ts'

const projectId = 'team'
const password = 'a password for tests'
const container = { name: 'shown', image: 'busybox', command: ['sh', '-c', 'echo hello-viewer; exec sleep 100000'] }

/** A page of a new user with this role in the project. */
async function signedInAs(browser: Browser, admin: Page, url: string, role: Role): Promise<Page> {
  const email = `a-${role}@example.test`
  await change(admin, url, 'user.create', { email, name: role, password })
  await change(admin, url, 'project.members.add', { projectId, email, role })
  const page = await (await browser.newContext()).newPage()
  await signIn(page, url, { email, password })
  return page
}

test('each role can do what it may; the rest says why not, and the server refuses it too', async ({ panel, browser, link, instance }) => {
  const { url } = link
  await change(panel, url, 'project.create', { id: projectId, name: 'Team' })
  const spec = { projectId, spec: container }
  const { id } = await change(panel, url, 'container.create', { ...spec, start: true })

  const viewer = await signedInAs(browser, panel, url, 'viewer')
  await viewer.goto(`${url}/containers?project=${projectId}`)
  await expect(viewer.getByRole('link', { name: 'shown' })).toBeVisible()
  for (const [place, buttons] of Object.entries({
    containers: [],
    images: ['Pull', 'Upload', 'Remove unused'],
    networks: ['New network'],
    volumes: ['New volume', 'Remove unused'],
  })) {
    await viewer.goto(`${url}/${place}?project=${projectId}`)
    await expect(viewer.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible()
    for (const name of buttons) {
      await expect(viewer.getByRole('main').getByRole('button', { name, exact: true })).toBeDisabled()
      await expect(viewer.getByRole('main').getByRole('button', { name, exact: true })).toHaveAttribute('title', /viewer/)
    }
  }
  await viewer.goto(`${url}/containers/${id}?project=${projectId}&tab=logs`)
  await expect(viewer.getByText('hello-viewer')).toBeVisible()
  await expect(viewer.getByRole('main').getByRole('button', { name: 'Stop' })).toBeDisabled()
  await viewer.goto(`${url}/containers/${id}?project=${projectId}&tab=limits`)
  await expect(viewer.getByRole('textbox', { name: 'Memory', exact: true })).toBeDisabled()
  await viewer.goto(`${url}/containers/${id}?project=${projectId}&tab=terminal`)
  await expect(viewer.getByRole('main')).toContainText(/role/)
  await viewer.goto(`${url}/projects/${projectId}`)
  await expect(viewer.getByRole('button', { name: 'Add member' })).toBeDisabled()
  await expect(viewer.getByRole('textbox', { name: 'Memory', exact: true })).toBeDisabled()
  for (const [procedure, input] of [
    ['container.create', spec],
    ['container.stop', { projectId, container: id }],
    ['container.update', { projectId, container: id, update: { resources: { pidsLimit: 5 } } }],
    ['image.pull', { projectId, reference: 'registry.example/x:1' }],
    ['network.create', { projectId, spec: { name: 'n' } }],
    ['volume.create', { projectId, spec: { name: 'v' } }],
    ['terminal.ticket', { projectId, container: id, columns: 80, rows: 24 }],
    ['project.members.add', { projectId, email: 'a-viewer@example.test', role: 'admin' }],
    ['project.setLimits', { projectId, limits: {} }],
    ['host.setPolicy', { hostAccess: false }],
  ] as const) {
    expect([procedure, (await mutate(viewer, url, procedure, input)).error?.code]).toEqual([procedure, 'forbidden'])
  }
  // Pages of the host are neither offered nor shown.
  await expect(viewer.getByRole('link', { name: 'Host policy' })).toHaveCount(0)
  await viewer.goto(`${url}/policy`)
  await expect(viewer.getByText('Only a host administrator can do this')).toBeVisible()

  const developer = await signedInAs(browser, panel, url, 'developer')
  await developer.goto(`${url}/containers/${id}?project=${projectId}`)
  await developer.getByRole('main').getByRole('button', { name: 'Stop' }).click()
  await expect(developer.getByText('docker stop shown')).toBeVisible()
  await developer.goto(`${url}/projects/${projectId}`)
  await expect(developer.getByRole('button', { name: 'Add member' })).toBeDisabled()
  const promotion = { projectId, email: 'a-viewer@example.test', role: 'admin' }
  expect((await mutate(developer, url, 'project.members.add', promotion)).error?.code).toBe('forbidden')

  const admin = await signedInAs(browser, panel, url, 'admin')
  await admin.goto(`${url}/projects/${projectId}`)
  await admin.getByRole('combobox', { name: 'Role: viewer' }).selectOption('developer')
  await expect(admin.getByText('viewer is now developer')).toBeVisible()
  await expect(admin.getByRole('button', { name: 'Remove project' })).toBeDisabled()
  await viewer.goto(`${url}/volumes?project=${projectId}`)
  await expect(viewer.getByRole('button', { name: 'New volume' })).toBeEnabled()

  expect((await instance.agent.call('container.inspect', { projectId, container: id })).state.status).toBe('exited')
  for (const page of [viewer, developer, admin]) await page.context().close()
})

test('the host policy holds for the next container of a member', async ({ panel, browser, link, instance }) => {
  const { url } = link
  const folder = '/srv'
  const project = 'policy'
  await change(panel, url, 'project.create', { id: project, name: 'Policy' })
  await change(panel, url, 'user.create', { email: 'dev@example.test', name: 'Dev', password })
  await change(panel, url, 'project.members.add', { projectId: project, email: 'dev@example.test', role: 'developer' })
  const page = await (await browser.newContext()).newPage()
  await signIn(page, url, { email: 'dev@example.test', password })
  const bound = (name: string) => ({
    projectId: project,
    spec: { name, image: 'busybox', mounts: [{ type: 'bind', source: folder, target: '/mnt' }], capAdd: ['SYS_NICE'] },
  })
  expect((await mutate(page, url, 'container.create', bound('early'))).error?.code).toBe('forbidden')

  await panel.goto(`${url}/policy`)
  const developers = panel.getByRole('region', { name: 'Developers' })
  await developers.getByLabel('Folders of the host they may mount').fill('srv')
  await expect(developers.getByRole('alert')).toContainText('absolute path')
  await expect(panel.getByRole('button', { name: 'Save' })).toBeDisabled()
  await developers.getByLabel('Folders of the host they may mount').fill(folder)
  await developers.getByRole('checkbox', { name: 'SYS_NICE' }).check()
  await developers.getByLabel('Lowest host port they may publish').fill('443')
  await expect(developers).toContainText('docker run --volume /srv:/mnt --cap-add SYS_NICE --publish 443:443')
  await panel.getByRole('button', { name: 'Save' }).click()
  await expect(panel.getByText('Changed the host policy')).toBeVisible()
  await panel.reload()
  await expect(developers.getByLabel('Folders of the host they may mount')).toHaveValue(folder)

  expect((await mutate(page, url, 'container.create', bound('late'))).error).toBeUndefined()
  const { audit } = { audit: await panel.request.get(`${url}/trpc/audit.list?input=${encodeURIComponent('{}')}`) }
  expect(await audit.text()).toContain('host.setPolicy')
  expect((await instance.agent.call('container.list', { projectId: project })).map(({ name }) => name)).toEqual(['late'])
  await page.context().close()
})
