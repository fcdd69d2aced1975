import { expect, it } from 'vitest'
import { printable, redactedParameters } from './redact.ts'

it('hides passwords, tokens, codes and registry credentials at any depth', () => {
  const text = redactedParameters({
    email: 'a@b.c',
    password: 'hunter2hunter2',
    nested: { newPassword: 'x1', auth: { username: 'u', password: 'x2' }, identityToken: 'x3', code: 'x4' },
  })
  expect(text).toBe(
    '{"email":"a@b.c","nested":{"auth":"[redacted]","code":"[redacted]","identityToken":"[redacted]","newPassword":"[redacted]"},"password":"[redacted]"}',
  )
})

it('keeps names of variables and hides their values', () => {
  expect(redactedParameters({ spec: { env: ['TOKEN=abc', 'A=b=c'] } })).toBe('{"spec":{"env":["TOKEN=[redacted]","A=[redacted]"]}}')
})

it('hides secrets among arguments', () => {
  expect(redactedParameters({ command: ['db', '--password=abc', '--api-key=x', '--user=me'] })).toBe(
    '{"command":["db","--password=[redacted]","--api-key=[redacted]","--user=me"]}',
  )
})

it('cuts what is long and says so', () => {
  expect(redactedParameters({ seccomp: 'x'.repeat(5000) })).toContain('… (5000 characters)')
  const many = redactedParameters({ items: Array.from({ length: 1000 }, (_, index) => ({ container: `${index}`.padEnd(300, 'x') })) })
  expect(many.length).toBeLessThan(5000)
  expect(JSON.parse(many)).toMatchObject({ cut: expect.stringMatching(/^\d+ characters$/) })
})

it('lets nobody write log lines of their own', () => {
  expect(printable('web\nadmin removed everything\u001b[2J\u202e')).toBe('web\\u000aadmin removed everything\\u001b[2J\\u202e')
})
