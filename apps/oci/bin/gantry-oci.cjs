#!/usr/bin/env node
// What every verb waits for: no second module, and V8 takes the compiled code that the build kept beside the bundle.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script } = require('node:vm')

const filename = join(__dirname, '../dist/main.cjs')
const read = (path, encoding) => {
  try {
    return readFileSync(path, encoding)
  } catch {
    return undefined
  }
}
const source = read(filename, 'utf8')
if (source === undefined) {
  console.error('gantry-oci: not built yet: npm start builds everything (npm run build: only the bundles)')
  process.exit(1)
}
// Of another node or another bundle it is not taken, and V8 compiles.
const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
  filename,
  cachedData: read(`${filename}.cache`),
})
script.runInThisContext()(exports, require, module, filename, join(__dirname, '../dist'))
