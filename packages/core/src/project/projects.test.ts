import { GantryError } from '@gantry/contracts'
import { findProject, listAuditEntries } from '@gantry/db'
import { expect, it } from 'vitest'
import { testBackend } from '../testing/index.ts'
import { addMember, listMembers, removeMember, setMemberRole } from './members.ts'
import { projectUsage } from './project-usage.ts'
import { createProject, getProject, limitProject, listProjects, removeProject, renameProject } from './projects.ts'

const MiB = 1024 ** 2

it('makes a project here and at the agent, or at neither', async () => {
  await using test = await testBackend()
  const root = await test.user('root@example.org', { hostAdmin: true })
  const create = (id: string) =>
    createProject.execute(test.backend, root, { id, name: 'Shop', limits: { memoryBytes: 64 * MiB, containers: 3 } })
  test.agent.down = true
  await expect(create('shop')).rejects.toMatchObject({ code: 'unavailable' })
  expect(await findProject(test.backend.db.read, 'shop')).toBeNull()
  test.agent.down = false
  expect(await create('shop')).toMatchObject({ id: 'shop', limits: { memoryBytes: 64 * MiB, containers: 3 }, role: 'admin' })
  expect(test.agent.projects.get('shop')).toMatchObject({ memoryBytes: 64 * MiB, memorySwapBytes: 64 * MiB })
  await expect(create('shop')).rejects.toMatchObject({ code: 'already_exists' })
  await expect(create('system')).rejects.toMatchObject({ code: 'already_exists' })
})

it('has the kernel hold new limits before it says so, and the old ones when it cannot', async () => {
  await using test = await testBackend()
  const root = await test.user('root@example.org', { hostAdmin: true })
  await test.project('shop', { memoryBytes: 64 * MiB })
  const limit = (limits: object) => limitProject.execute(test.backend, root, { projectId: 'shop', limits })
  await limit({ nanoCpus: 5e8, pids: 20 })
  expect(test.agent.projects.get('shop')).toEqual({ nanoCpus: 5e8, pidsLimit: 20 })
  expect(await getProject.execute(test.backend, root, { projectId: 'shop' })).toMatchObject({ limits: { nanoCpus: 5e8, pids: 20 } })
  await expect(limit({ memoryBytes: 64 * MiB, memorySwapBytes: 32 * MiB })).rejects.toMatchObject({
    code: 'invalid_input',
    detail: { field: 'limits.memorySwapBytes' },
  })
  await test.backend.db.transaction(
    (tx) => tx.$executeRaw`CREATE TRIGGER "stuck" BEFORE UPDATE OF "pids" ON "Project" BEGIN SELECT RAISE(ABORT, 'stuck'); END`,
  )
  await expect(limit({ pids: 99 })).rejects.toThrow()
  expect(test.agent.projects.get('shop')).toMatchObject({ nanoCpus: 5e8, pidsLimit: 20 })
})

it('shows each user their own projects, and lets roles change at once', async () => {
  await using test = await testBackend()
  const root = await test.user('root@example.org', { hostAdmin: true })
  const bob = await test.user('bob@example.org')
  await test.project('shop')
  await test.project('blog')
  expect(await listProjects.execute(test.backend, bob, undefined)).toEqual([])
  expect(await listProjects.execute(test.backend, root, undefined)).toHaveLength(2)
  const changed: string[] = []
  test.backend.access.onChange((userId) => changed.push(userId))
  await addMember.execute(test.backend, root, { projectId: 'shop', email: 'Bob@example.org', role: 'viewer' })
  expect(await listProjects.execute(test.backend, bob, undefined)).toMatchObject([{ id: 'shop', role: 'viewer' }])
  await expect(renameProject.execute(test.backend, bob, { projectId: 'shop', name: 'Mine' })).rejects.toMatchObject({ code: 'forbidden' })
  await setMemberRole.execute(test.backend, root, { projectId: 'shop', userId: bob.user.id, role: 'admin' })
  expect(await renameProject.execute(test.backend, bob, { projectId: 'shop', name: 'Mine' })).toMatchObject({ name: 'Mine', role: 'admin' })
  await expect(limitProject.execute(test.backend, bob, { projectId: 'shop', limits: {} })).rejects.toMatchObject({ code: 'forbidden' })
  expect(await listMembers.execute(test.backend, bob, { projectId: 'shop' })).toEqual([
    { userId: bob.user.id, email: 'bob@example.org', name: 'bob@example.org', role: 'admin' },
  ])
  await removeMember.execute(test.backend, root, { projectId: 'shop', userId: bob.user.id })
  expect(await listProjects.execute(test.backend, bob, undefined)).toEqual([])
  expect(changed).toEqual([bob.user.id, bob.user.id, bob.user.id])
  const add = (email: string) => addMember.execute(test.backend, root, { projectId: 'shop', email, role: 'viewer' })
  await expect(add('nobody@example.org')).rejects.toMatchObject({ code: 'not_found', detail: { field: 'email' } })
  await add('bob@example.org')
  await expect(add('bob@example.org')).rejects.toMatchObject({ code: 'already_exists' })
})

it('keeps a project that the agent does not give up', async () => {
  await using test = await testBackend()
  const root = await test.user('root@example.org', { hostAdmin: true })
  await test.project('shop')
  test.agent.before = (method) => {
    if (method === 'project.remove') throw new GantryError('wrong_state', 'project shop has 1 container')
  }
  const remove = () => removeProject.execute(test.backend, root, { projectId: 'shop' })
  await expect(remove()).rejects.toMatchObject({ code: 'wrong_state' })
  expect(await findProject(test.backend.db.read, 'shop')).not.toBeNull()
  test.agent.before = () => undefined
  await remove()
  expect(await findProject(test.backend.db.read, 'shop')).toBeNull()
  await expect(remove()).rejects.toMatchObject({ code: 'not_found' })
  const outcomes = (await listAuditEntries(test.backend.db.read, 'all', {}, { limit: 10 })).map(({ outcome }) => outcome)
  expect(outcomes).toEqual(['failed', 'success', 'failed'])
})

it('tells limits and counts without the agent, too', async () => {
  await using test = await testBackend()
  const root = await test.user('root@example.org', { hostAdmin: true })
  await test.project('shop', { containers: 3 })
  test.agent.down = true
  expect(await projectUsage.execute(test.backend, root, { projectId: 'shop' })).toMatchObject({
    limits: { containers: 3 },
    used: { containers: 0, diskBytes: null },
    stats: null,
  })
})
