import { describe, expect, it } from 'vitest'
import { refuse } from './import-rules.ts'

describe('import rules', () => {
  it.each([
    ['packages/core/src/container/create.ts', '@gantry/agent-rpc/client'],
    ['apps/panel/src/app/page.tsx', '@gantry/api'],
    ['packages/engine/src/kernel/launcher.ts', 'node:child_process'],
    ['packages/engine/src/network/dns.ts', '../lib/undo.ts'],
    ['packages/db/src/database.ts', '@prisma/adapter-better-sqlite3'],
    ['packages/db/src/seed/index.ts', '@gantry/contracts'],
  ])('%s may import %s', (file, module) => {
    expect(refuse(file, module)).toBeNull()
  })

  it.each([
    ['packages/contracts/src/index.ts', '@gantry/core'],
    ['packages/core/src/container/create.ts', '@gantry/agent-rpc/server'],
    ['packages/core/src/container/create.ts', '@gantry/engine'],
    ['packages/api/src/router.ts', '@gantry/db'],
    ['packages/engine/src/network/dns.ts', 'node:child_process'],
    ['packages/engine/src/container/start.ts', 'koffi'],
    ['packages/engine/src/container/start.ts', '../../../core/src/index.ts'],
    ['packages/core/src/policy/quota.ts', '@prisma/client'],
    ['apps/gateway/src/main.ts', 'node-pty'],
    ['packages/agent/src/main.ts', 'next'],
  ])('%s must not import %s', (file, module) => {
    expect(refuse(file, module)).not.toBeNull()
  })
})
