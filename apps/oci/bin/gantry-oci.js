#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const bundle = new URL('../dist/main.js', import.meta.url)
if (!existsSync(fileURLToPath(bundle))) {
  console.error('gantry-oci: not built yet: npm start builds everything (npm run build: only the bundles)')
  process.exit(1)
}
await import(bundle.href)
