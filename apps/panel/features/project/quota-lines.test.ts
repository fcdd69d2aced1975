import { expect, it } from 'vitest'
import { quotaLines } from './quota-lines.ts'

const used = { containers: 3, running: 1, volumes: 0, images: 2, diskBytes: null }

it('has a line per limit, with units, and knows which are unlimited', () => {
  const lines = quotaLines({ limits: { nanoCpus: 2e9, containers: 5, diskBytes: 1024 ** 3 }, used, stats: null }, 0.5)
  expect(lines.filter((line) => line.limit !== undefined).map((line) => `${line.name} ${line.usedText}/${line.limitText}`)).toEqual([
    'nanoCpus 0.5/2',
    'containers 3/5',
    'diskBytes 0 B/1 GiB',
  ])
  expect(lines.find((line) => line.name === 'images')).toMatchObject({ used: 2, limitText: undefined })
})
