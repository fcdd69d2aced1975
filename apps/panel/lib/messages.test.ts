import { createTranslator } from 'use-intl'
import { describe, expect, it } from 'vitest'
import { messagesOf } from './messages.ts'

type Tree = { [key: string]: string | Tree }
const flatten = (tree: Tree, prefix = ''): [string, string][] =>
  Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[prefix + key, value] as [string, string]] : flatten(value, `${prefix}${key}.`),
  )
const placeholders = (text: string) => [...new Set([...text.matchAll(/\{(\w+)[},]/g)].map((match) => match[1]))].sort()
const tags = (text: string) => [...new Set([...text.matchAll(/<(\w+)>/g)].map((match) => match[1]))].sort()

const en = new Map(flatten(messagesOf('en')))
const zh = new Map(flatten(messagesOf('zh')))

describe('messages', () => {
  it('both languages have the same keys', () => {
    expect([...zh.keys()].sort()).toEqual([...en.keys()].sort())
  })
  it('both languages use the same values and tags in each text', () => {
    for (const [key, text] of en) {
      expect([key, placeholders(zh.get(key) ?? '')]).toEqual([key, placeholders(text)])
      expect([key, tags(zh.get(key) ?? '')]).toEqual([key, tags(text)])
    }
  })
  it('no text is empty, and Chinese is Chinese', () => {
    for (const [key, text] of [...en, ...zh]) expect(text.trim(), key).not.toBe('')
    const chinese = [...zh.values()].filter((text) => /\p{Script=Han}/u.test(text))
    expect(chinese.length / zh.size).toBeGreaterThan(0.9)
  })
  it('every text is valid message syntax', () => {
    for (const locale of ['en', 'zh'] as const) {
      const failures: string[] = []
      const t = createTranslator({ locale, messages: messagesOf(locale), onError: (error) => failures.push(error.message) })
      for (const [key, text] of locale === 'en' ? en : zh) {
        const values = Object.fromEntries(placeholders(text).map((name) => [name, /\{\w+, (plural|number)/.test(text) ? 2 : 'x']))
        const chunks = Object.fromEntries(tags(text).map((tag) => [tag, (inner: unknown) => `${inner}`]))
        t.rich(key as never, { ...values, ...chunks } as never)
      }
      expect(failures).toEqual([])
    }
  })
})
