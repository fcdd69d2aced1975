import { expect, it } from 'vitest'
import { chooseLocale } from './locale.ts'

it('prefers the cookie, then the browser, then English', () => {
  expect(chooseLocale('zh', 'en-US,en;q=0.9')).toBe('zh')
  expect(chooseLocale('fr', 'zh-CN,zh;q=0.9,en;q=0.8')).toBe('zh')
  expect(chooseLocale(undefined, 'fr-FR,en;q=0.5,zh;q=0.4')).toBe('en')
  expect(chooseLocale(undefined, null)).toBe('en')
})
