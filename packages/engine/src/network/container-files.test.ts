import { describe, expect, it } from 'vitest'
import { containerResolvConf, hostsFile, hostsOfHost, parseResolvConf } from './container-files.ts'

describe('hostsFile', () => {
  it('has the container, extra hosts and host-gateway', () => {
    const text = hostsFile({
      hostname: 'web',
      domainname: 'example.org',
      addresses: ['10.0.0.2', 'fd00::2'],
      extraHosts: ['host.docker.internal:host-gateway', 'six:[fd00::9]', 'four:10.9.9.9'],
      hostGateway: '10.0.0.1',
    })
    expect(text).toContain('127.0.0.1\tlocalhost\n')
    expect(text).toContain('10.0.0.1\thost.docker.internal\n')
    expect(text).toContain('fd00::9\tsix\n')
    expect(text).toContain('10.9.9.9\tfour\n')
    expect(text.endsWith('10.0.0.2\tweb.example.org web\nfd00::2\tweb.example.org web\n')).toBe(true)
  })
  it('leaves host-gateway out where there is no way to the host', () => {
    expect(hostsFile({ hostname: 'web', addresses: [], extraHosts: ['up:host-gateway'], hostGateway: null })).not.toContain('up')
  })
})

describe('hostsOfHost', () => {
  it('is the host’s file, and extra hosts behind it', () => {
    expect(hostsOfHost('127.0.0.1 localhost', [])).toBe('127.0.0.1 localhost')
    expect(hostsOfHost('127.0.0.1 localhost', ['up:host-gateway', 'a:10.0.0.1'])).toBe('127.0.0.1 localhost\n127.0.0.1\tup\n10.0.0.1\ta\n')
  })
})

describe('resolv.conf', () => {
  const host = parseResolvConf('# comment\nnameserver 192.0.2.9\nsearch a.example b.example ; remark\noptions ndots:2 timeout:1\n')
  it('is read', () => {
    expect(host).toEqual({ nameservers: ['192.0.2.9'], search: ['a.example', 'b.example'], options: ['ndots:2', 'timeout:1'] })
  })
  it('names the resolver and keeps search and options of the host', () => {
    expect(containerResolvConf({ resolvers: ['10.0.0.1'], search: [], options: [], host })).toBe(
      'nameserver 10.0.0.1\nsearch a.example b.example\noptions timeout:1 ndots:0\n',
    )
  })
  it('takes search and options that were asked for', () => {
    expect(containerResolvConf({ resolvers: ['10.0.0.1'], search: ['.'], options: ['use-vc'], host })).toBe(
      'nameserver 10.0.0.1\noptions use-vc ndots:0\n',
    )
  })
})
