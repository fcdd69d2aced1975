import { describe, expect, it } from 'vitest'
import { parsePublish } from './ports.ts'

describe('-p', () => {
  it('reads host and container port', () => {
    expect(parsePublish('8080:80')).toEqual([{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }])
  })
  it('leaves the host port open when only the container port is given', () => {
    expect(parsePublish('53/udp')).toEqual([{ containerPort: 53, protocol: 'udp' }])
    expect(parsePublish('127.0.0.1::80')).toEqual([{ containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1' }])
  })
  it('reads IPv6 addresses in brackets', () => {
    expect(parsePublish('[::1]:8080:80')).toEqual([{ containerPort: 80, protocol: 'tcp', hostPort: 8080, hostAddress: '::1' }])
  })
  it('spreads ranges', () => {
    expect(parsePublish('7000-7002:80-82').map((port) => [port.hostPort, port.containerPort])).toEqual([
      [7000, 80],
      [7001, 81],
      [7002, 82],
    ])
  })
  it('takes any of a range for one container port', () => {
    expect(parsePublish('7000-7002:80/sctp')).toEqual([{ containerPort: 80, protocol: 'sctp', hostPort: 7000, hostPortEnd: 7002 }])
  })
  it.each([
    ['7000-7001:80-82', '2 host ports cannot serve 3 container ports'],
    ['7001-7000:80', 'runs backwards'],
    ['80:90-80', 'runs backwards'],
    ['web:80', 'is not'],
    ['80:80/icmp', 'is not'],
  ])('refuses %s', (text, why) => {
    expect(() => parsePublish(text)).toThrow(why)
  })
})
