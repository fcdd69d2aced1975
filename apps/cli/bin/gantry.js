#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// `gantry oci` is the program gantry-oci, which needs no agent.
const isOci = process.argv[2] === 'oci'
if (isOci) process.argv.splice(2, 1)
const bundle = new URL(isOci ? '../../oci/bin/gantry-oci.cjs' : '../dist/main.js', import.meta.url)
if (!existsSync(fileURLToPath(bundle))) {
  console.error('gantry: the command line is not built yet: npm start builds everything (npm run build: only the bundles)')
  process.exit(125)
}
await import(bundle.href)
