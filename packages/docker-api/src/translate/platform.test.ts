import { expect, it } from 'vitest'
import { isPlatform, parsePlatform, platformText } from './platform.ts'

it.each([
  ['linux/arm64', 'linux/arm64'],
  ['linux/arm/v7', 'linux/arm/v7'],
  ['linux', 'linux'],
  ['{"os":"linux","architecture":"amd64"}', 'linux/amd64'],
])('reads %s', (text, read) => expect(platformText(parsePlatform(text))).toBe(read))

it.each(['a/b/c/d', 'linux amd64', '{"os":7}', '{'])('refuses %s', (text) =>
  expect(() => parsePlatform(text)).toThrow('failed to parse platform'),
)

it('fits what was said', () => {
  const has = { os: 'linux', architecture: 'arm64', variant: 'v8' }
  expect(['linux', 'linux/arm64', 'linux/arm64/v8'].every((text) => isPlatform(parsePlatform(text), has))).toBe(true)
  expect(['windows', 'linux/amd64', 'linux/arm64/v7'].some((text) => isPlatform(parsePlatform(text), has))).toBe(false)
})
