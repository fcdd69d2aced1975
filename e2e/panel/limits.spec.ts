import { hostAdminPolicy } from '@gantry/contracts'
import { change, mutate } from '../support/api.ts'
import { expect, test } from '../support/fixtures.ts'

test('limits of a running container are changed and taken away', async ({ panel, link, instance: { agent } }) => {
  const projectId = 'default'
  const resources = { memoryBytes: 64 * 1024 ** 2, pidsLimit: 50 }
  const spec = { name: 'limited', image: 'busybox', command: ['sleep', '100000'], resources }
  const { id } = await agent.call('container.create', { projectId, spec, policy: hostAdminPolicy })
  await agent.call('container.start', { projectId, container: id })
  const limits = async () => {
    const [stats] = await agent.call('container.stats', { projectId, containers: [id] })
    return { memory: stats?.memory.limitBytes ?? 0, pids: stats?.pids.limit }
  }
  expect(await limits()).toEqual({ memory: resources.memoryBytes, pids: 50 })

  await panel.goto(`${link.url}/containers/${id}?project=${projectId}&tab=limits`)
  await panel.getByRole('textbox', { name: 'Memory', exact: true }).fill('')
  await panel.getByRole('textbox', { name: 'Processes' }).fill('60')
  await expect(panel.getByRole('row', { name: /Memory/ })).toContainText('no limit')
  await expect(panel.getByText('gantry --project default update --memory -1 --pids-limit 60 limited')).toBeVisible()
  await panel.getByRole('button', { name: 'Apply' }).click()
  await expect(panel.getByText('Changed the limits of limited')).toBeVisible()
  const after = await limits()
  expect(after.pids).toBe(60)
  // 0 is no limit
  expect(after.memory).toBe(0)
  await panel.reload()
  await expect(panel.getByRole('textbox', { name: 'Memory', exact: true })).toHaveValue('')
})

test('a limit of a project is taken away', async ({ panel, link, instance: { agent } }) => {
  const projectId = 'roomy'
  const memoryBytes = 64 * 1024 ** 2
  await change(panel, link.url, 'project.create', { id: projectId, name: 'Roomy', limits: { memoryBytes, containers: 3 } })
  const spec = { name: 'large', image: 'busybox', resources: { memoryBytes: 2 * memoryBytes } }
  expect((await mutate(panel, link.url, 'container.create', { projectId, spec })).error?.code).toBe('quota_exceeded')
  await panel.goto(`${link.url}/projects/${projectId}`)
  await panel.getByRole('textbox', { name: 'Memory', exact: true }).fill('')
  await panel.getByRole('region', { name: 'Limits' }).getByRole('button', { name: 'Save' }).click()
  await expect(panel.getByText('Changed the limits of Roomy')).toBeVisible()
  const project = (await agent.call('project.list', {})).find(({ id }) => id === projectId)
  expect(project?.resources.memoryBytes).toBeUndefined()
  await change(panel, link.url, 'container.create', { projectId, spec })
})
