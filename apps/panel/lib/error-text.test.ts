import { errorCodes } from '@gantry/contracts'
import { createTranslator } from 'use-intl'
import { expect, it } from 'vitest'
import { errorText } from './error-text.ts'
import type { PanelError } from './errors.ts'
import { messagesOf } from './messages.ts'

const textIn = (locale: 'en' | 'zh', error: PanelError) =>
  errorText(error, createTranslator({ locale, messages: messagesOf(locale), namespace: 'error' }), locale)
const quota: PanelError = {
  code: 'quota_exceeded',
  message: 'memory limit 256 MiB exceeds project limit 128 MiB',
  detail: { field: 'resources.memoryBytes', asked: '256 MiB', limit: '128 MiB', remedy: 'ask for at most 128 MiB' },
}

it('leaves the words of the server to English readers', () => {
  expect(textIn('en', quota)).toEqual({ title: quota.message, remedy: 'ask for at most 128 MiB', original: undefined })
})

it('tells others in their language what code and detail say, and the words of the server beside it', () => {
  expect(textIn('zh', quota)).toEqual({
    title: '内存：申请 256 MiB，超过项目上限 128 MiB',
    remedy: '请减少用量、删除不需要的对象，或请主机管理员提高限额。',
    original: 'memory limit 256 MiB exceeds project limit 128 MiB; ask for at most 128 MiB',
  })
  const counted = { field: 'containers', used: '2', asked: '1', limit: '2' }
  expect(textIn('zh', { ...quota, detail: counted }).title).toBe('容器：项目上限为 2，已用 2，又申请 1')
  const missing = textIn('zh', { code: 'not_found', message: 'no such image: web:1', detail: { field: 'image', value: 'web:1' } })
  expect(missing.title).toBe('没有这个对象，或它属于您不在的项目：镜像 web:1')
})

it('names an unknown field by its own name, and the list before an index', () => {
  const title = (field: string) => textIn('zh', { code: 'invalid_input', message: '', detail: { field } }).title
  expect(title('spec.odd')).toBe('请求中有不正确的字段：odd')
  expect(title('spec.mounts.0')).toBe('请求中有不正确的字段：挂载')
})

it('has Chinese for every code', () => {
  for (const code of errorCodes) {
    const { title, remedy, original } = textIn('zh', { code, message: 'it failed', detail: {} })
    expect([title, remedy ?? '']).toEqual([expect.stringMatching(/\p{Script=Han}/u), expect.stringMatching(/\p{Script=Han}/u)])
    expect(original).toBe('it failed')
  }
})
