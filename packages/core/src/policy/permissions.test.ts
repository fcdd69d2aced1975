import { expect, it } from 'vitest'
import { hostPolicySchema, roles } from '@gantry/contracts'
import { enginePolicy } from './engine-policy.ts'
import { type Permission, isProjectPermission, permissions, roleAllows } from './permissions.ts'

const allowed = (role: (typeof roles)[number]) =>
  (Object.keys(permissions) as Permission[]).filter((permission) => roleAllows(role, permission))

it('gives each role what the weaker one has and more', () => {
  const [viewer = [], developer = [], admin = []] = roles.map(allowed)
  expect(viewer).toEqual(['project.view', 'container.view', 'image.view', 'network.view', 'volume.view'])
  expect(developer.filter((permission) => !viewer.includes(permission))).toEqual([
    'container.change',
    'container.exec',
    'image.change',
    'network.change',
    'volume.change',
  ])
  expect(admin.filter((permission) => !developer.includes(permission))).toEqual(['project.manage'])
})

it('gives no role what is for host administrators or for anybody', () => {
  for (const [permission, requirement] of Object.entries(permissions)) {
    const inProject = (roles as readonly string[]).includes(requirement)
    expect(isProjectPermission(permission as Permission)).toBe(inProject)
    if (!inProject) expect(roleAllows('admin', permission as Permission)).toBe(false)
  }
})

it('lets nobody but host administrators reach the host', () => {
  const host = hostPolicySchema.parse({ admin: { bindSources: ['/srv/shared'], minHostPort: 80 } })
  expect(enginePolicy({ hostAdmin: false, role: 'developer' }, host)).toEqual({
    hostAccess: false,
    bindSources: [],
    capabilities: [],
    minHostPort: 1024,
  })
  const admin = enginePolicy({ hostAdmin: false, role: 'admin' }, host)
  expect(admin).toMatchObject({ hostAccess: false, bindSources: ['/srv/shared'], minHostPort: 80 })
  for (const dangerous of ['SYS_ADMIN', 'SYS_PTRACE', 'SYS_MODULE', 'NET_ADMIN', 'DAC_READ_SEARCH', 'BPF', 'SYS_RAWIO']) {
    expect(enginePolicy({ hostAdmin: false, role: 'admin' }, hostPolicySchema.parse({})).capabilities).not.toContain(dangerous)
    expect(hostPolicySchema.safeParse({ developer: { capabilities: [dangerous] } }).success).toBe(false)
  }
  expect(enginePolicy({ hostAdmin: true, role: 'admin' }, host)).toMatchObject({
    hostAccess: true,
    bindSources: ['/'],
    capabilities: 'all',
  })
  expect(enginePolicy({ hostAdmin: true, role: 'admin' }, { ...host, hostAccess: false }).hostAccess).toBe(false)
})
