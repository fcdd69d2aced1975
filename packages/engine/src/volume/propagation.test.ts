import { expect, test } from 'vitest'
import type { ResolvedMount } from '../ports.ts'
import { checkPropagation } from './propagation.ts'

const table = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /private rw - tmpfs tmpfs rw
31 22 0:31 / /slave\\040of rw master:1 - tmpfs tmpfs rw
32 30 0:32 / /private/shared rw shared:7 - tmpfs tmpfs rw
`
const bind = (source: string, propagation: string): ResolvedMount => ({
  ...{ type: 'bind', source, target: '/t', readOnly: false, propagation, recursive: true, copyUp: false, idmapped: false },
})

test.each([
  ['/srv', 'rshared', undefined],
  ['/srv', 'rslave', undefined],
  ['/private/x', 'rprivate', undefined],
  ['/private/x', 'shared', 'path /private/x is mounted on /private but it is not a shared mount'],
  ['/private', 'rslave', 'path /private is mounted on /private but it is not a shared or slave mount'],
  ['/privateer', 'rshared', undefined],
  ['/private/shared/deep', 'rshared', undefined],
  ['/slave of/x', 'rslave', undefined],
  ['/slave of/x', 'rshared', 'path /slave of/x is mounted on /slave of but it is not a shared mount'],
])('%s with %s', async (source, propagation, refusal) => {
  const checked = checkPropagation([bind('/private', 'rprivate'), bind(source, propagation)], table).then(
    () => undefined,
    (error: Error) => error.message,
  )
  expect(await checked).toBe(refusal)
})
