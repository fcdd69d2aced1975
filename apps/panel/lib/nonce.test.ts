import { expect, it } from 'vitest'
import { nonceOf } from './nonce.ts'

it("finds script-src's nonce and no other", () => {
  expect(nonceOf("default-src 'self'; script-src 'self' 'nonce-aB+/9=' 'strict-dynamic'")).toBe('aB+/9=')
  expect(nonceOf("style-src 'nonce-other'; script-src 'self'")).toBeUndefined()
  expect(nonceOf(null)).toBeUndefined()
})
