import { expect, it } from 'vitest'
import { forwardBlockers } from './foreign-firewall.ts'

it('finds the forward chains of others that drop by default', () => {
  const text = [
    'ip filter FORWARD forward drop',
    'ip filter INPUT input drop',
    'inet gantry_ab12 forward forward drop',
    'ip6 filter FORWARD forward accept',
    '',
  ].join('\n')
  expect(forwardBlockers(text, 'gantry_ab12')).toEqual(['ip filter FORWARD'])
})
