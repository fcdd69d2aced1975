/** `npm run bench [-- NAME…] [--json]`: sets the checkout up and runs bench/src/main.ts. Nothing but results goes to standard output. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fail } from './lib/say.mjs'
import { root } from './lib/stamp.mjs'

if (process.argv.includes('--json')) process.env.GANTRY_QUIET = '1'
const { setup } = await import('./setup.mjs')
try {
  await setup({ panel: false })
} catch (error) {
  fail(error.message)
}
const child = spawn(join(root, 'node_modules/.bin/tsx'), [join(root, 'bench/src/main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' })
child.once('exit', (code) => process.exit(code ?? 1))
