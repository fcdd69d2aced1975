import { describe, expect, test } from 'vitest'
import { checkHost, isLoopbackName } from './address.ts'
import { parseChallenge, parseToken, tokenRequest } from './auth.ts'

describe('challenges', () => {
  test.each([
    ['Basic realm="x"', { scheme: 'basic' }],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:x:pull"',
      { scheme: 'bearer', realm: 'https://a/t', service: 's', scope: 'repository:x:pull' },
    ],
    ['bearer realm="https://a/t"', { scheme: 'bearer', realm: 'https://a/t', service: undefined, scope: undefined }],
    ['Bearer service="s"', undefined],
    ['Negotiate', undefined],
    [undefined, undefined],
  ])('%s', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected)
  })

  test('a refresh token is posted, a password goes as basic, nobody’s goes without', () => {
    const challenge = { scheme: 'bearer', realm: 'https://a/t', service: 's', scope: undefined } as const
    const auth = { username: 'u', password: 'p' }
    expect(tokenRequest(challenge, { auth: undefined, scope: 'sc' })).toMatchObject({ method: 'GET', headers: {} })
    const basic = tokenRequest(challenge, { auth, scope: 'sc' })
    expect([basic.url.href, basic.headers.authorization]).toEqual(['https://a/t?service=s&scope=sc', 'Basic dTpw'])
    const refresh = tokenRequest(challenge, { auth: { ...auth, identityToken: 'r' }, scope: 'sc' })
    expect([refresh.method, refresh.headers.authorization, refresh.body]).toEqual([
      'POST',
      undefined,
      'grant_type=refresh_token&refresh_token=r&client_id=gantry&scope=sc&service=s',
    ])
    expect(() => tokenRequest({ ...challenge, realm: 'nowhere' }, { auth, scope: '' })).toThrow(/which is not an address/)
  })

  test('a token is used a little shorter than it lives', () => {
    expect(parseToken(Buffer.from('{"token":"t","expires_in":300}'), 0)).toEqual({ token: 't', until: 290_000 })
    expect(parseToken(Buffer.from('{"access_token":"t"}'), 0)).toEqual({ token: 't', until: 50_000 })
    expect(() => parseToken(Buffer.from('{}'), 0)).toThrow(/without a token/)
  })
})

describe('addresses', () => {
  test.each([
    ['localhost', true],
    ['127.8.9.1', true],
    ['[::1]', true],
    ['example.com', false],
    ['10.0.0.1', false],
    ['127.0.0.1.example.com', false],
  ])('%s named as loopback: %s', (host, expected) => {
    expect(isLoopbackName(host)).toBe(expected)
  })

  test.each([
    '10.0.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.1.1',
    '0.0.0.0',
    '224.0.0.1',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[::ffff:10.0.0.1]',
  ])('%s is refused unless listed', async (host) => {
    await expect(checkHost(host, { loopback: true, inner: false })).rejects.toMatchObject({ code: 'forbidden' })
    expect((await checkHost(host, { loopback: true, inner: true })).loopback).toBe(false)
  })

  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]'])('%s is refused where the registry is not loopback', async (host) => {
    await expect(checkHost(host, { loopback: false, inner: false })).rejects.toMatchObject({ code: 'forbidden' })
    expect((await checkHost(host, { loopback: true, inner: false })).loopback).toBe(true)
  })
})
