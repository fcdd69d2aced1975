import { Boxes, HardDrive, LayoutDashboard, Network, Package, ScrollText, Server, Settings2, ShieldCheck, Users } from 'lucide-react'

/** The pages of the panel; `key` is the second key of the "g …" shortcut. */
export const navigation = [
  { href: '/', text: 'nav.dashboard', icon: LayoutDashboard, key: 'd', group: 'nav.workloads', admin: false },
  { href: '/containers', text: 'nav.containers', icon: Boxes, key: 'c', group: 'nav.workloads', admin: false },
  { href: '/images', text: 'nav.images', icon: Package, key: 'i', group: 'nav.workloads', admin: false },
  { href: '/networks', text: 'nav.networks', icon: Network, key: 'n', group: 'nav.workloads', admin: false },
  { href: '/volumes', text: 'nav.volumes', icon: HardDrive, key: 'v', group: 'nav.workloads', admin: false },
  { href: '/projects', text: 'nav.projects', icon: Settings2, key: 'p', group: 'nav.administration', admin: false },
  { href: '/audit', text: 'nav.audit', icon: ScrollText, key: 'a', group: 'nav.administration', admin: false },
  { href: '/users', text: 'nav.users', icon: Users, key: 'u', group: 'nav.administration', admin: true },
  { href: '/host', text: 'nav.host', icon: Server, key: 'h', group: 'nav.administration', admin: true },
  { href: '/policy', text: 'nav.policy', icon: ShieldCheck, key: 'o', group: 'nav.administration', admin: true },
] as const

/** True when `pathname` is the page or below it. */
export const isCurrent = (href: string, pathname: string) =>
  href === '/' ? pathname === '/' : pathname === href || pathname.startsWith(`${href}/`)
