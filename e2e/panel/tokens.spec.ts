import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dockerClient, environment, runProgram } from '../docker/support/client.ts'
import { change } from '../support/api.ts'
import { expect, test } from '../support/fixtures.ts'

test('a token made in the panel lets docker into one project, until it is revoked', async ({ panel, link, instance }) => {
  const projectId = 'tokens'
  await change(panel, link.url, 'project.create', { id: projectId, name: 'Tokens', limits: { containers: 1 } })
  await change(panel, link.url, 'container.create', { projectId: 'default', spec: { name: 'elsewhere', image: 'busybox' } })

  await panel.goto(`${link.url}/projects/${projectId}`)
  const card = panel.getByRole('region', { name: 'API tokens' })
  await card.getByRole('button', { name: 'New token' }).click()
  await panel.getByRole('dialog').getByLabel('Name').fill('ci')
  await panel.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
  const made = panel.getByRole('dialog', { name: 'Token ci' })
  const config = (await made.getByRole('region', { name: 'Configuration of the client' }).locator('pre').textContent()) ?? ''
  const token = (await made.getByRole('region', { name: 'Token', exact: true }).locator('pre').textContent()) ?? ''
  expect(config).toContain(token)
  await expect(made).toContainText('docker --config ~/.docker/gantry-tokens run')
  await made.getByRole('button', { name: 'Done' }).click()
  await panel.reload()
  const row = card.getByRole('row').filter({ hasText: 'ci' })
  await expect(row).toContainText('developer')
  // Shown once: it is nowhere in the page any more.
  expect(await panel.content()).not.toContain(token)

  const home = mkdtempSync('/var/tmp/gantry-test-home-')
  writeFileSync(join(home, 'config.json'), config)
  const docker = (...args: string[]) => runProgram(dockerClient, args, environment(join(instance.runDir, 'docker.sock'), home))
  expect(await docker('run', '--name', 'inside', 'busybox', 'echo', 'through')).toMatchObject({ exitCode: 0, stdout: 'through\n' })
  expect((await docker('ps', '-a', '--format', '{{.Names}}')).stdout).toBe('inside\n')
  expect((await docker('inspect', 'elsewhere')).stderr).toContain('No such object: elsewhere')
  const beyond = await docker('run', '--name', 'beyond', 'busybox', 'true')
  expect(beyond.stderr).toContain('limit of 1 containers is reached')
  expect((await docker('run', '--privileged', 'busybox', 'true')).exitCode).toBe(125)

  await panel.reload()
  await expect(row).not.toContainText('never')
  await card.getByRole('button', { name: 'Revoke token ci' }).click()
  await panel.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await expect(panel.getByText('Revoked token ci')).toBeVisible()
  expect((await docker('ps')).exitCode).toBe(1)
  rmSync(home, { recursive: true, force: true })
})
