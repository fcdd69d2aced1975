import { expect, it } from 'vitest'
import { readConfig } from './config.ts'

it('has defaults for everything, and takes an empty variable for none', () => {
  expect(readConfig({ GANTRY_LISTEN: '' })).toMatchObject({
    host: '127.0.0.1',
    port: 7070,
    panelData: '/var/lib/gantry/panel',
    databaseUrl: 'file:/var/lib/gantry/panel/gantry.db',
    agentSocket: '/run/gantry/agent.sock',
    panel: { dev: false },
    admin: undefined,
  })
})

it.each([
  ['0.0.0.0:80', '0.0.0.0', 80],
  ['[::1]:7070', '::1', 7070],
  [':8080', '::', 8080],
])('listens on %s', (listen, host, port) => {
  expect(readConfig({ GANTRY_LISTEN: listen })).toMatchObject({ host, port })
})

it.each([
  [{ GANTRY_LISTEN: '7070' }, 'GANTRY_LISTEN: must be host:port'],
  [{ GANTRY_LISTEN: 'localhost:70700' }, 'GANTRY_LISTEN: port 70700 exceeds 65535'],
  [{ GANTRY_DATA: 'data' }, 'GANTRY_DATA: must be an absolute path'],
  [{ GANTRY_DATABASE_URL: 'mysql://x' }, 'GANTRY_DATABASE_URL: must start with postgresql://'],
  [
    { GANTRY_DOCKER_LISTEN: ':2376', GANTRY_DOCKER_TLS_CERT: '/c' },
    'GANTRY_DOCKER_LISTEN needs GANTRY_DOCKER_TLS_CERT, GANTRY_DOCKER_TLS_KEY and GANTRY_DOCKER_TLS_CA',
  ],
  [{ GANTRY_ADMIN_EMAIL: 'a@b.c' }, 'GANTRY_ADMIN_EMAIL and GANTRY_ADMIN_PASSWORD must be given together'],
])('refuses %j and names the variable', (environment, message) => {
  expect(() => readConfig(environment)).toThrow(message)
})
