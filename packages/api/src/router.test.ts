import type { Role } from '@gantry/contracts'
import { type Caller, type Permission, isProjectPermission, permissions, roleAllows } from '@gantry/core'
import { type TestBackend, testBackend } from '@gantry/core/testing'
import type { TRPCError } from '@trpc/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProcedureMeta } from './trpc.ts'
import { appRouter } from './router.ts'
import { createCallerFactory } from './trpc.ts'

const id = 'a'.repeat(64)
const own = 'shop'
const foreign = 'secret'
const container = (projectId: string) => ({ projectId, container: id })
const password = 'correct horse battery'
const spec = { image: 'busybox' }

/** A valid input for every procedure, in the given project where it is about one. A procedure that is not here fails the test. */
const inputs: Record<string, (projectId: string) => unknown> = {
  'auth.status': () => undefined,
  'auth.setup': () => ({ email: 'x@example.org', name: 'X', password, code: 'nope' }),
  'auth.signIn': () => ({ email: 'nobody@example.org', password }),
  'auth.signOut': () => undefined,
  'auth.sessions': () => undefined,
  'auth.revokeSession': () => ({ id: 'unknown' }),
  'auth.changePassword': () => ({ currentPassword: 'wrong', newPassword: password }),
  'user.list': () => undefined,
  'user.create': () => ({ email: 'ann@example.org', name: 'Ann', password }),
  'user.update': () => ({ id: 'unknown', name: 'New' }),
  'user.resetPassword': () => ({ id: 'unknown', password }),
  'project.list': () => undefined,
  'project.get': (projectId) => ({ projectId }),
  'project.create': () => ({ id: 'system', name: 'System' }),
  'project.rename': (projectId) => ({ projectId, name: 'New' }),
  'project.setLimits': (projectId) => ({ projectId, limits: {} }),
  'project.remove': () => ({ projectId: 'spare' }),
  'project.usage': (projectId) => ({ projectId }),
  'project.members.list': (projectId) => ({ projectId }),
  'project.members.add': (projectId) => ({ projectId, email: 'nobody@example.org', role: 'viewer' }),
  'project.members.setRole': (projectId) => ({ projectId, userId: 'unknown', role: 'viewer' }),
  'project.members.remove': (projectId) => ({ projectId, userId: 'unknown' }),
  'project.tokens.list': (projectId) => ({ projectId }),
  'project.tokens.create': (projectId) => ({ projectId, name: 'ci', role: 'developer' }),
  'project.tokens.revoke': (projectId) => ({ projectId, id: 'unknown' }),
  'dashboard.overview': () => undefined,
  'dashboard.hostStats': () => ({}),
  'container.list': (projectId) => ({ projectId }),
  'container.get': container,
  'container.top': container,
  'container.diff': container,
  'container.execs': container,
  'container.plan': (projectId) => ({ projectId, spec }),
  'container.create': (projectId) => ({ projectId, spec: { image: 'missing' } }),
  'container.start': container,
  'container.stop': container,
  'container.kill': container,
  'container.restart': container,
  'container.pause': container,
  'container.unpause': container,
  'container.rename': (projectId) => ({ ...container(projectId), name: 'new' }),
  'container.update': (projectId) => ({ ...container(projectId), update: {} }),
  'container.remove': container,
  'container.bulk': (projectId) => ({ verb: 'start', items: [container(projectId)] }),
  'container.prune': (projectId) => ({ projectId }),
  'container.stats': container,
  'container.statsAll': (projectId) => ({ projectId }),
  'container.logs': container,
  'terminal.ticket': (projectId) => ({ ...container(projectId), columns: 80, rows: 24 }),
  'terminal.sessions': container,
  'terminal.close': (projectId) => ({ projectId, sessionId: 'unknown' }),
  'image.list': (projectId) => ({ projectId }),
  'image.inspect': (projectId) => ({ projectId, image: 'busybox' }),
  'image.tag': (projectId) => ({ projectId, image: 'busybox', reference: 'mine' }),
  'image.remove': (projectId) => ({ projectId, image: 'busybox' }),
  'image.prune': (projectId) => ({ projectId }),
  'image.pull': (projectId) => ({ projectId, reference: 'busybox' }),
  'image.push': (projectId) => ({ projectId, reference: 'busybox' }),
  'image.transfers': (projectId) => ({ projectId }),
  'image.progress': (projectId) => ({ projectId, operationId: 'unknown' }),
  'network.list': (projectId) => ({ projectId }),
  'network.inspect': (projectId) => ({ projectId, network: 'web' }),
  'network.create': (projectId) => ({ projectId, spec: { name: 'web' } }),
  'network.remove': (projectId) => ({ projectId, network: 'web' }),
  'network.connect': (projectId) => ({ ...container(projectId), endpoint: { network: 'web' } }),
  'network.disconnect': (projectId) => ({ ...container(projectId), network: 'web' }),
  'volume.list': (projectId) => ({ projectId }),
  'volume.inspect': (projectId) => ({ projectId, volume: 'data' }),
  'volume.create': (projectId) => ({ projectId, spec: { name: 'data' } }),
  'volume.remove': (projectId) => ({ projectId, volume: 'data' }),
  'volume.prune': (projectId) => ({ projectId }),
  'audit.list': () => ({}),
  'audit.facets': () => undefined,
  'audit.verify': () => undefined,
  'host.info': () => undefined,
  'host.doctor': () => undefined,
  'host.policy': () => undefined,
  'host.setPolicy': () => ({}),
  events: (projectId) => ({ projectId }),
}

const procedures = Object.entries(
  appRouter._def.procedures as unknown as Record<string, { _def: { type: string; meta?: ProcedureMeta } }>,
).map(([path, { _def }]) => ({ path, type: _def.type, permission: _def.meta?.permission as Permission }))

/** Changing one's own session or password would disturb the other rows. */
const selfHarm = new Set(['auth.signOut', 'auth.changePassword', 'auth.setup', 'auth.signIn'])

it('has a permission and a valid input for every procedure', () => {
  expect(procedures.length).toBeGreaterThan(60)
  for (const { path, permission } of procedures) {
    expect(Object.keys(permissions), path).toContain(permission)
    expect(Object.keys(inputs), path).toContain(path)
  }
  expect(Object.keys(inputs).sort()).toEqual(procedures.map(({ path }) => path).sort())
})

describe('who may call what, where', () => {
  let test: TestBackend
  const callers = new Map<string, Caller>()

  beforeAll(async () => {
    test = await testBackend()
    await test.project(foreign)
    await test.project('spare')
    const members: Record<string, Role> = {}
    for (const role of ['viewer', 'developer', 'admin'] as const) {
      const caller = await test.user(`${role}@example.org`)
      callers.set(role, caller)
      members[caller.user.id] = role
    }
    await test.project(own, {}, members)
    callers.set('hostAdmin', await test.user('root@example.org', { hostAdmin: true }))
    callers.set('nobody', { user: null, sessionId: null, address: '10.0.0.9', userAgent: '' })
  })
  afterAll(() => test[Symbol.asyncDispose]())

  /** The code of the refusal by authorisation; null when it let the call through (whatever became of it then). */
  async function refusal(who: string, path: string, projectId: string): Promise<string | null> {
    const caller = callers.get(who) as Caller
    const api = createCallerFactory(appRouter)({ backend: test.backend, caller, setSession: () => undefined })
    const call = path.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], api) as (
      input: unknown,
    ) => Promise<unknown>
    const before = test.agent.calls.length
    try {
      const output = await call(inputs[path]?.(projectId))
      if (isStream(output)) await output[Symbol.asyncIterator]().next()
      if (path === 'container.bulk') return bulkRefusal(output)
      return null
    } catch (error) {
      const code = (error as TRPCError).cause && ((error as TRPCError).cause as { code?: string; message: string })
      if (!code || !isRefusal(code)) return null
      expect(test.agent.calls.length, 'the agent was asked').toBe(before)
      return code.code ?? null
    }
  }

  for (const { path, permission } of procedures) {
    if (selfHarm.has(path)) continue
    const bulk = path === 'container.bulk'
    const asked = bulk ? 'container.change' : permission
    it(`${path}: ${asked}`, async () => {
      const needsSignIn = permissions[permission] !== 'public'
      expect(await refusal('nobody', path, own)).toBe(needsSignIn ? 'unauthenticated' : null)
      for (const role of ['viewer', 'developer', 'admin'] as const) {
        expect(await refusal(role, path, own), `${role} in own project`).toBe(expectedFor(role, asked))
        if (isProjectPermission(asked)) expect(await refusal(role, path, foreign), `${role} in foreign project`).toBe('not_found')
      }
      expect(await refusal('hostAdmin', path, own), 'host admin').toBeNull()
      if (isProjectPermission(asked)) expect(await refusal('hostAdmin', path, 'nowhere'), 'no such project').toBe('not_found')
    })
  }
})

function expectedFor(role: Role, permission: Permission): string | null {
  if (isProjectPermission(permission)) return roleAllows(role, permission) ? null : 'forbidden'
  return permissions[permission] === 'hostAdmin' ? 'forbidden' : null
}

/** Told apart from the failures of the use cases themselves by their words. */
function isRefusal({ code, message }: { code?: string; message: string }): boolean {
  if (code === 'unauthenticated') return message === 'not signed in'
  if (code === 'forbidden') return /is for host administrators|does not allow/.test(message)
  return code === 'not_found' && /^project \S+ not found$/.test(message)
}

function bulkRefusal(output: unknown): string | null {
  const [result] = output as { error: { code: string; message: string } | null }[]
  return result?.error && isRefusal(result.error) ? result.error.code : null
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
