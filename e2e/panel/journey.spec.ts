import { expect, type Page, test } from '@playwright/test'
import { createAndStart, fillContainerForm } from '../support/container-form.ts'
import { administrator } from '../support/fixtures.ts'
import { type Instance, startInstance } from '../support/instance.ts'
import { expectConnected, expectOutput, readableTerminals, type } from '../support/terminal.ts'

/** What a new user does, from the console's one-time code to signing out, in one browser and one instance. */
test.describe
  .serial('from an empty machine to a shell within limits', () => {
    let instance: Instance
    let page: Page
    let container = ''
    const project = 'shop'

    test.beforeAll(async ({ browser }) => {
      instance = await startInstance()
      page = await browser.newPage()
      await readableTerminals(page)
    })
    test.afterAll(async () => {
      await page.close()
      await instance.close()
    })

    test('the first administrator is created with the code of the console only', async () => {
      await page.goto(instance.url)
      await page.waitForURL(/\/setup/)
      const createAdministrator = async (code: string) => {
        await page.getByLabel('One-time code').fill(code)
        await page.getByLabel('Your name').fill('Ada')
        await page.getByLabel('E-mail address').fill(administrator.email)
        await page.getByRole('textbox', { name: 'Password' }).fill(administrator.password)
        await page.getByRole('button', { name: 'Create administrator' }).click()
      }
      await createAdministrator('WRNG-WRNG-WRNG')
      await expect(page.getByRole('alert').first()).toContainText(/code/i)
      await createAdministrator(instance.setupCode)
      await page.waitForURL((url) => url.pathname === '/')
    })

    test('a project gets limits', async () => {
      await page.goto(`${instance.url}/projects`)
      await page.getByRole('button', { name: 'New project' }).first().click()
      const form = page.getByRole('dialog')
      await form.getByLabel('Name', { exact: true }).fill(project)
      await form.getByLabel('Memory', { exact: true }).fill('128m')
      await form.getByLabel('Containers', { exact: true }).fill('2')
      await form.getByRole('button', { name: 'Create' }).click()
      await page.waitForURL(`${instance.url}/projects/${project}`)
      await expect(page.getByRole('main')).toContainText('128')
    })

    test('a container is made by the form', async () => {
      await fillContainerForm(page, instance.url, project, {
        image: 'busybox',
        name: 'web',
        command: 'sleep 100000',
        memory: '64m',
        cpus: '0.5',
        pids: '20',
      })
      await expect(page.getByText(/docker run[\s\S]*--name web/)).toBeVisible()
      await createAndStart(page)
      container = /containers\/([0-9a-f]{64})/.exec(page.url())?.[1] ?? ''
    })

    test('its shell is there, and still there after a reload', async () => {
      await expectConnected(page)
      await type(page, 'echo limit-$(cat /proc/1/comm)-$((6*7))')
      await expectOutput(page, 'limit-sleep-42')
      await page.reload()
      await expectConnected(page)
      await expectOutput(page, 'limit-sleep-42')
    })

    test('a request beyond the project is refused with limit and way out', async () => {
      await fillContainerForm(page, instance.url, project, { image: 'busybox', name: 'greedy', command: 'sleep 1', memory: '256m' })
      await page.getByRole('button', { name: 'Create and start' }).click()
      const refusal = page.getByRole('alert').filter({ hasText: 'exceeds project limit' }).first()
      await expect(refusal).toContainText('256 MiB')
      await expect(refusal).toContainText('128 MiB')
      expect((await instance.agent.call('container.list', { projectId: project })).map(({ name }) => name)).toEqual(['web'])
    })

    test('limits change while it runs', async () => {
      await page.goto(`${instance.url}/containers/${container}?project=${project}&tab=limits`)
      await page.getByRole('textbox', { name: 'Processes' }).fill('33')
      await page.getByRole('button', { name: 'Apply' }).click()
      await expect
        .poll(async () => (await instance.agent.call('container.inspect', { projectId: project, container })).resources.pidsLimit)
        .toBe(33)
      const [stats] = await instance.agent.call('container.stats', { projectId: project, containers: [container] })
      expect(stats?.pids.limit).toBe(33)
    })

    test('logs and stats are shown', async () => {
      await fillContainerForm(page, instance.url, project, {
        image: 'busybox',
        name: 'talker',
        command: 'sh -c "echo hello-log; exec sleep 100000"',
        memory: '32m',
      })
      await createAndStart(page)
      await page.getByRole('tab', { name: 'Logs' }).click()
      await expect(page.getByText('hello-log')).toBeVisible()
      await page.getByRole('tab', { name: 'Stats' }).click()
      await expect(page.getByLabel('Memory', { exact: true }).first()).toBeVisible()
      await page.getByRole('tab', { name: 'Start-up' }).click()
      await expect(page.getByText(/Last start took [\d.]+ ms/)).toBeVisible()
    })

    test('the number of containers is limited too', async () => {
      await fillContainerForm(page, instance.url, project, { image: 'busybox', name: 'third', command: 'sleep 1', memory: '16m' })
      await page.getByRole('button', { name: 'Create and start' }).click()
      await expect(page.getByRole('alert').filter({ hasText: 'limit of 2 containers is reached' }).first()).toContainText('2')
    })

    test('everything is in the audit log, refusals too', async () => {
      await page.goto(`${instance.url}/audit`)
      const log = page.getByRole('main')
      await expect(log).toContainText('container.create')
      await expect(log).toContainText('project.create')
      await expect(log).toContainText('denied')
      await expect(log).toContainText(administrator.email)
    })

    test('signing out ends the session', async () => {
      await page.getByRole('button', { name: 'Account menu' }).click()
      await page.getByRole('menuitem', { name: 'Sign out' }).click()
      await page.waitForURL(/\/sign-in/)
      await page.goto(`${instance.url}/containers`)
      await page.waitForURL(/\/sign-in/)
    })
  })
