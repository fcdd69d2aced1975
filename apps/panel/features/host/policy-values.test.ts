import { hostPolicySchema } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { policyExample, policyValues, readPolicy } from './policy-values.ts'

const policy = hostPolicySchema.parse({ developer: { bindSources: ['/srv/a', '/srv/b'], minHostPort: 80, capabilities: ['SYS_NICE'] } })

it('is the same after it was shown and read', () => {
  expect(readPolicy(policyValues(policy))).toEqual({ ok: true, policy })
})

it('leaves out empty and repeated lines, and names the line that is no path', () => {
  const values = policyValues(policy)
  const edited = (bindSources: string) => readPolicy({ ...values, developer: { ...values.developer, bindSources } })
  expect(edited(' /srv/a \n\n/srv/a\n')).toMatchObject({ policy: { developer: { bindSources: ['/srv/a'] } } })
  expect(edited('/srv/a\nsrv')).toEqual({ ok: false, errors: { 'developer.bindSources': 'srv: must be an absolute path' } })
})

it('refuses what is no port', () => {
  const values = policyValues(policy)
  for (const minHostPort of ['', 'http', '0', '70000']) {
    expect(readPolicy({ ...values, admin: { ...values.admin, minHostPort } })).toMatchObject({
      errors: { 'admin.minHostPort': expect.any(String) },
    })
  }
})

it('tells how members use what they were given', () => {
  expect(policyExample(policy.developer)).toBe('docker run --volume /srv/a:/mnt --cap-add SYS_NICE --publish 80:80 …')
  expect(policyExample({ bindSources: [], capabilities: [], minHostPort: 1024 })).toBeUndefined()
})
