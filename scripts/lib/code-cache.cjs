/** `node code-cache.cjs BUNDLE`: runs `BUNDLE --version` and keeps what V8 has compiled by then in BUNDLE.cache, for bin/gantry-oci.cjs. */
const { readFileSync, writeFileSync } = require('node:fs')
const { dirname } = require('node:path')
const { Script } = require('node:vm')

const filename = process.argv[2]
const source = readFileSync(filename, 'utf8')
const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, { filename })
process.argv = [process.argv[0], filename, '--version']
process.on('exit', (code) => {
  if (code === 0) writeFileSync(`${filename}.cache`, script.createCachedData())
})
script.runInThisContext()(exports, require, module, filename, dirname(filename))
