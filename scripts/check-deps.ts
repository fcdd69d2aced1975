/** `npm run check`: every import of every source file against the rules in import-rules.ts. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { mayImport, refuse } from './import-rules.ts'

const root = join(import.meta.dirname, '..')
const skipped = new Set(['node_modules', 'dist', '.next', 'generated', 'test-results'])

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !skipped.has(entry.name)) yield* sources(path)
    else if (/\.(ts|tsx|mts)$/.test(entry.name) && !entry.name.endsWith('.d.ts')) yield path
  }
}

let files = 0
const broken: string[] = []
for (const folder of Object.keys(mayImport)) {
  for (const path of sources(join(root, folder))) {
    files++
    const file = relative(root, path)
    const text = readFileSync(path, 'utf8')
    for (const { fileName, pos } of ts.preProcessFile(text, true, true).importedFiles) {
      const why = refuse(file, fileName)
      if (why) broken.push(`${file}:${text.slice(0, pos).split('\n').length}: imports ${fileName}: ${why}`)
    }
  }
}
for (const line of broken) console.error(line)
console.log(`imports of ${files} files checked, ${broken.length} against the rules`)
process.exit(broken.length === 0 ? 0 : 1)
