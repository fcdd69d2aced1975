import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { requireKnownHost, requireNotCrossSite, requireOwnOrigin } from './origin.ts'

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage
const local = { publicUrl: undefined, listenHost: '127.0.0.1' }
const proxied = { publicUrl: new URL('https://panel.example/'), listenHost: '127.0.0.1' }

it.each(['127.0.0.1:7070', 'localhost:7070', '[::1]:7070', '192.0.2.7', 'gantry.localhost'])('is %s', (host) => {
  expect(() => requireKnownHost(request({ host }), local)).not.toThrow()
})

it.each(['evil.example', 'panel.example', '', '127.0.0.1.evil.example'])('is not %s', (host) => {
  expect(() => requireKnownHost(request({ host }), local)).toThrow()
})

it('is what the public address says', () => {
  expect(() => requireKnownHost(request({ host: 'panel.example' }), proxied)).not.toThrow()
  expect(() => requireOwnOrigin(request({ host: 'panel.example', origin: 'https://panel.example' }), proxied)).not.toThrow()
})

it.each([
  [{}],
  [{ origin: 'null' }],
  [{ origin: 'http://127.0.0.1:7071' }],
  [{ origin: 'https://127.0.0.1:7070' }],
  [{ origin: 'http://127.0.0.1:7070.evil.example' }],
  [{ origin: 'http://127.0.0.1:7070', 'sec-fetch-site': 'cross-site' }],
  [{ origin: 'http://127.0.0.1:7070', 'sec-fetch-site': 'same-site' }],
])('refuses changes from %j', (headers) => {
  expect(() => requireOwnOrigin(request({ host: '127.0.0.1:7070', ...headers }), local)).toThrow('another origin')
})

it('takes changes from its own pages', () => {
  expect(() =>
    requireOwnOrigin(request({ host: '127.0.0.1:7070', origin: 'http://127.0.0.1:7070', 'sec-fetch-site': 'same-origin' }), local),
  ).not.toThrow()
})

it('lets people follow links and scripts of its own read, nobody else', () => {
  for (const site of ['none', 'same-origin']) expect(() => requireNotCrossSite(request({ 'sec-fetch-site': site }))).not.toThrow()
  expect(() => requireNotCrossSite(request({}))).not.toThrow()
  for (const site of ['cross-site', 'same-site']) expect(() => requireNotCrossSite(request({ 'sec-fetch-site': site }))).toThrow()
})
