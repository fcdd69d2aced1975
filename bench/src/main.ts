/** `npm run bench [-- NAME…] [--json] [--quick]`: figures beside what else is installed. See README.md for the names. */
import type { Benchmark, Result } from './benchmark.ts'
import { idle, memory, stats } from './resident.ts'
import { exec, parallel, start } from './start.ts'
import { storage, storageTable } from './storage.ts'
import { verbs } from './verbs.ts'
import { imageLarge, imageSmall, log } from './throughput.ts'

const benchmarks: readonly Benchmark[] = [start, exec, parallel, idle, memory, stats, log, imageLarge, imageSmall, verbs]

/** Lines for people: every subject, and how it stands to gantry. */
function report({ name, unit, better, subjects }: Result): string {
  const own = subjects.gantry ?? Object.values(subjects)[0]
  return [
    `${name} (${unit}, ${better} is better)`,
    ...Object.entries(subjects).map(([subject, { best, median, p99, cpu, n }]) => {
      const ratio = own && subject !== 'gantry' ? `  ${(median / own.median).toFixed(2)} x gantry's median` : ''
      return `  ${subject.padEnd(20)} best ${best}  median ${median}  p99 ${p99}${cpu > 0 ? `  cpu ${cpu}` : ''}  n ${n}${ratio}`
    }),
  ].join('\n')
}

const json = process.argv.includes('--json')
const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const unknown = chosen.find((name) => name !== 'storage' && !benchmarks.some((benchmark) => benchmark.name === name))
if (unknown !== undefined) {
  console.error(
    `bench: unknown name ${unknown}; there are:\n${[...benchmarks, { name: 'storage', what: 'files in a container by storage driver (only when named; --quick for three sizes)' }].map(({ name, what }) => `  ${name.padEnd(12)} ${what}`).join('\n')}`,
  )
  process.exit(2)
}
if (process.getuid?.() !== 0) {
  console.error('bench: needs root, as it runs an agent of its own')
  process.exit(2)
}
// Takes minutes and a table of its own: only when it is asked for.
if (chosen.includes('storage')) {
  const results = await storage({ quick: process.argv.includes('--quick') })
  console.log(json ? results.map(({ name, unit, subjects }) => JSON.stringify({ name, unit, subjects })).join('\n') : storageTable(results))
}
for (const benchmark of benchmarks) {
  if (chosen.length > 0 && !chosen.includes(benchmark.name)) continue
  const result = await benchmark.run()
  const { name, unit, subjects } = result
  console.log(json ? JSON.stringify({ name, unit, subjects }) : report(result))
}
