import { type Role, roles } from '@gantry/contracts'

/** Who is asked for: anybody, anybody signed in, a member of the project with at least this role, a host administrator. */
export type Requirement = 'public' | 'signedIn' | Role | 'hostAdmin'

/** Every permission a use case can ask for, and the least that gives it. */
export const permissions = {
  public: 'public',
  'account.own': 'signedIn',
  'host.view': 'signedIn',
  'host.manage': 'hostAdmin',
  'user.manage': 'hostAdmin',
  'audit.view': 'signedIn',
  'audit.verify': 'hostAdmin',
  'project.list': 'signedIn',
  'project.create': 'hostAdmin',
  'project.limit': 'hostAdmin',
  'project.remove': 'hostAdmin',
  'project.view': 'viewer',
  'project.manage': 'admin',
  'container.view': 'viewer',
  'container.change': 'developer',
  'container.exec': 'developer',
  'image.view': 'viewer',
  'image.change': 'developer',
  'network.view': 'viewer',
  'network.change': 'developer',
  'volume.view': 'viewer',
  'volume.change': 'developer',
} as const satisfies Record<string, Requirement>
export type Permission = keyof typeof permissions

/** True when the permission is about one project. */
export function isProjectPermission(permission: Permission): boolean {
  return (roles as readonly string[]).includes(permissions[permission])
}

/** True when somebody with `role` in the project may do what asks for `permission`. */
export function roleAllows(role: Role, permission: Permission): boolean {
  const least = roles.indexOf(permissions[permission] as Role)
  return least !== -1 && roles.indexOf(role) >= least
}
