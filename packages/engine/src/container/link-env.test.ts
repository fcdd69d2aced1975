import { expect, it } from 'vitest'
import { linkVariables } from './link-env.ts'

it('tells of a linked container as docker does', () => {
  const spec = { exposedPorts: ['8080/tcp', '53/udp', '53/tcp'], env: ['PATH=/bin', 'MODE=a=b'] }
  expect(linkVariables({ alias: 'my-db', ownName: 'web', address: '172.18.0.2', spec })).toEqual([
    'MY_DB_NAME=/web/my-db',
    'MY_DB_PORT=tcp://172.18.0.2:53',
    'MY_DB_PORT_53_TCP=tcp://172.18.0.2:53',
    'MY_DB_PORT_53_TCP_ADDR=172.18.0.2',
    'MY_DB_PORT_53_TCP_PORT=53',
    'MY_DB_PORT_53_TCP_PROTO=tcp',
    'MY_DB_PORT_53_UDP=udp://172.18.0.2:53',
    'MY_DB_PORT_53_UDP_ADDR=172.18.0.2',
    'MY_DB_PORT_53_UDP_PORT=53',
    'MY_DB_PORT_53_UDP_PROTO=udp',
    'MY_DB_PORT_8080_TCP=tcp://172.18.0.2:8080',
    'MY_DB_PORT_8080_TCP_ADDR=172.18.0.2',
    'MY_DB_PORT_8080_TCP_PORT=8080',
    'MY_DB_PORT_8080_TCP_PROTO=tcp',
    'MY_DB_ENV_MODE=a=b',
  ])
})
