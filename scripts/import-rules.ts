/** Who may import what. docs/ARCHITECTURE.md shows the same table; `npm run check` fails on any other edge. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  'packages/contracts': [],
  'packages/ui': [],
  'packages/db': ['@gantry/contracts'],
  'packages/agent-rpc': ['@gantry/contracts'],
  'packages/core': ['@gantry/contracts', '@gantry/db', '@gantry/agent-rpc/client'],
  'packages/engine': ['@gantry/contracts'],
  'packages/api': ['@gantry/contracts', '@gantry/core'],
  'packages/docker-api': ['@gantry/contracts', '@gantry/core'],
  'packages/agent/src/testing': ['@gantry/contracts', '@gantry/agent-rpc/client', '@gantry/engine/testing'],
  'packages/agent': ['@gantry/contracts', '@gantry/agent-rpc/server', '@gantry/engine'],
  'apps/gateway': ['@gantry/contracts', '@gantry/api', '@gantry/core', '@gantry/docker-api'],
  'apps/panel': ['@gantry/contracts', '@gantry/api', '@gantry/ui'],
  'apps/cli': ['@gantry/contracts', '@gantry/agent-rpc/client'],
  'apps/oci': ['@gantry/contracts', '@gantry/engine/runtime-parts'],
  e2e: ['@gantry/contracts', '@gantry/agent-rpc/client'],
  bench: ['@gantry/contracts', '@gantry/agent-rpc/client'],
}

/** Modules that reach the kernel or start processes; in the engine only `kernel/` may use them, elsewhere nobody. */
export const kernelModules = ['koffi', 'node-pty', 'node:child_process', 'child_process']
const kernelUsers = [
  'packages/engine/src/kernel/',
  'packages/engine/src/network/lab/',
  'packages/agent/src/testing/',
  'e2e/',
  'bench/',
  'scripts/',
  'apps/cli/src/commands/audit.ts',
  'apps/cli/src/hand-over.ts',
  'apps/oci/src/kernel/',
]

/** Outside packages that belong in one place only. */
const onlyIn: readonly (readonly [pattern: RegExp, folders: readonly string[]])[] = [
  [/^@prisma\/|^better-sqlite3$/, ['packages/db/', 'prisma/']],
  [/^next(\/|$)/, ['apps/panel/', 'apps/gateway/']],
  [/^react(-dom)?(\/|$)/, ['apps/panel/', 'packages/ui/']],
  [/^@trpc\/server/, ['packages/api/', 'apps/gateway/', 'apps/panel/']],
]

/** Why `file` (path from the root of the repository) must not import `module`; null when it may. */
export function refuse(file: string, module: string): string | null {
  const folder = Object.keys(mayImport).find((name) => file.startsWith(`${name}/`))
  const isTest = /\.test\.tsx?$|\/(testing|lab)\//.test(file)
  if (module.startsWith('@gantry/')) {
    const allowed = folder === undefined ? [] : (mayImport[folder] ?? [])
    const fits = allowed.some(
      (name) => module === name || (!name.includes('/client') && !name.includes('/server') && module.startsWith(`${name}/`)),
    )
    return fits || folder === undefined ? null : `${folder} may import ${allowed.join(', ') || 'nothing of ours'}`
  }
  if (module.startsWith('.') && folder !== undefined) return leaves(file, module, folder) ? `reaches out of ${folder} by path` : null
  if (kernelModules.includes(module) && !isTest && !kernelUsers.some((name) => file.startsWith(name))) {
    return 'only packages/engine/src/kernel may reach the kernel or start processes'
  }
  const rule = onlyIn.find(([pattern]) => pattern.test(module))
  if (rule && !isTest && !rule[1].some((name) => file.startsWith(name))) return `belongs in ${rule[1].join(', ')}`
  return null
}

function leaves(file: string, module: string, folder: string): boolean {
  const parts = file.split('/').slice(0, -1)
  for (const part of module.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return !`${parts.join('/')}/`.startsWith(`${folder}/`)
}
