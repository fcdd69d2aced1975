import { containerSpecSchema, type ContainerSpecInput } from '@gantry/contracts'
import { expect, test } from 'vitest'
import { expandTag, logOps, type LogReceiver } from './log.ts'

const id = '0123456789ab'.padEnd(64, 'c')
const logged = (log: ContainerSpecInput['log'], more: Partial<ContainerSpecInput> = {}) => ({
  id,
  name: 'web',
  image: { id: 'sha256:feedfacecafe0000', reference: 'app:1' },
  args: ['sh', '-c', 'x'],
  spec: containerSpecSchema.parse({ image: 'app:1', log, ...more }),
})
const receiver: LogReceiver = { network: 'udp', address: '127.0.0.1', port: 514, hostname: 'here' }

test('a file, plain or packed', () => {
  expect(logOps(logged({}), '/l')).toEqual([['log', '/l', '10485760', '3']])
  expect(logOps(logged({ driver: 'local', maxSizeBytes: 8192, maxFiles: 2 }), '/l')).toEqual([['log', '/l', '8192', '2'], ['log.compress']])
  expect(logOps(logged({ driver: 'local', compress: false }), '/l')).toHaveLength(1)
  expect(logOps(logged({ driver: 'none' }), '/l')).toEqual([])
})

test('labels, variables and a tag come with every line', () => {
  const more = { labels: { tier: 'web', team: 'a', other: 'x' }, env: ['A=1', 'B=2=3', 'C=4'] }
  const ops = logOps(
    logged({ labels: ['tier', 'none'], labelsRegex: '^te', env: ['B'], envRegex: '^C', tag: '{{.Name}}/{{ .ID }}' }, more),
    '/l',
  )
  expect(ops[1]).toEqual(['log.attrs', JSON.stringify({ tier: 'web', team: 'a', B: '2=3', C: '4', tag: 'web/0123456789ab' })])
  expect(() => logOps(logged({ envRegex: '(' }), '/l')).toThrow('env-regex ( is not a regular expression')
})

test('syslog and the journal', () => {
  expect(logOps(logged({ driver: 'syslog', mode: 'non-blocking', syslog: { facility: 'local3' } }), '/l', receiver)).toEqual([
    ['log.syslog', 'udp', '127.0.0.1', '514', '19', 'remote', '0123456789ab', 'here', 'drop'],
  ])
  expect(logOps(logged({ driver: 'journald', labels: ['a.b'] }, { labels: { 'a.b': 'v' } }), '/l')[0]).toEqual([
    ...['log.journal', '/run/systemd/journal/socket', 'wait', 'CONTAINER_ID=0123456789ab', `CONTAINER_ID_FULL=${id}`, 'CONTAINER_NAME=web'],
    ...['CONTAINER_TAG=0123456789ab', 'SYSLOG_IDENTIFIER=0123456789ab', 'IMAGE_NAME=app:1', 'A_B=v'],
  ])
})

test('tags know docker’s names and refuse others', () => {
  expect(expandTag('{{.ImageName}} {{.ImageID}} {{.Command}} {{.FullID}}', logged({}))).toBe(`app:1 feedfacecafe sh -c x ${id}`)
  expect(() => expandTag('{{.Nope}}', logged({}))).toThrow('{{.Nope}}, which is not known')
})
