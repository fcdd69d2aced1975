import { imageRefSchema } from '@gantry/contracts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { familiar, parseReference, repositoryName } from './reference.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

test.each([
  ['busybox', 'docker.io', 'library/busybox', 'latest', 'busybox:latest'],
  ['busybox:1.36', 'docker.io', 'library/busybox', '1.36', 'busybox:1.36'],
  ['docker.io/busybox', 'docker.io', 'library/busybox', 'latest', 'busybox:latest'],
  ['index.docker.io/library/busybox', 'docker.io', 'library/busybox', 'latest', 'busybox:latest'],
  ['grafana/grafana', 'docker.io', 'grafana/grafana', 'latest', 'grafana/grafana:latest'],
  ['localhost/x', 'localhost', 'x', 'latest', 'localhost/x:latest'],
  ['127.0.0.1:5000/a/b_c/d-e.f:T-1', '127.0.0.1:5000', 'a/b_c/d-e.f', 'T-1', '127.0.0.1:5000/a/b_c/d-e.f:T-1'],
  ['ghcr.io/owner/app', 'ghcr.io', 'owner/app', 'latest', 'ghcr.io/owner/app:latest'],
])('%s', (text, registry, repository, tag, shown) => {
  expect(parseReference(text)).toEqual({ registry, repository, tag })
  expect(familiar(parseReference(text))).toBe(shown)
})

test('a digest stands for itself, with or without a tag', () => {
  expect(parseReference(`x@${digest}`)).toEqual({ registry: 'docker.io', repository: 'library/x', digest })
  expect(parseReference(`x:1@${digest}`)).toEqual({ registry: 'docker.io', repository: 'library/x', tag: '1', digest })
  expect(familiar(parseReference(`r.io/x@${digest}`))).toBe(`r.io/x@${digest}`)
})

test.each([
  '',
  '/',
  'UPPER',
  'a//b',
  'a/',
  '-a',
  'a:',
  'a:b:c',
  'a b',
  'a@sha256:12',
  `a@${digest}@${digest}`,
  'a:-x',
  'r.io:99999999/x',
  'a/../b',
  `${'a/'.repeat(130)}a`,
  'http://x/y',
  'x:ä',
])('refuses "%s"', (text) => {
  expect(() => parseReference(text)).toThrow(/invalid image reference/)
})

describe('for any text', () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const names = fc.record({
    registry: fc.constantFrom('', 'docker.io/', 'r.io/', 'localhost/', '127.0.0.1:5000/'),
    path: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/)),
  })

  test('what is accepted says the same when it is read again', () => {
    fc.assert(
      fc.property(names, ({ registry, path, tag }) => {
        const reference = parseReference(`${registry}${path}${tag === null ? '' : `:${tag}`}`)
        expect(parseReference(familiar(reference))).toEqual(reference)
        expect(parseReference(`${repositoryName(reference)}:${reference.tag}`)).toEqual(reference)
        expect(imageRefSchema.safeParse(familiar(reference)).success).toBe(true)
      }),
    )
  })

  test('it is either refused as invalid or made of safe characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let repository: string
        try {
          repository = repositoryName(parseReference(text))
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_input' })
          return
        }
        expect(repository).toMatch(/^[A-Za-z0-9.:-]+\/[a-z0-9]+[a-z0-9._/-]*$/)
        expect(repository.split('/')).not.toContain('..')
      }),
      { numRuns: 500 },
    )
  })
})
